#pragma once

#include "dgl/training/session.h"

namespace dgl {

/// Decides what the recipe leaves to the program ("auto"), in the session's recipe: a student of `dgl compress` starts
/// from those networks of its teacher that fit, its discriminator only if its generator does; if its generator then is
/// narrower than the teacher's and the family can distill, stage 1 distills, and stage 2 keeps it near the teacher's
/// images (guidance.pair) rather than guided by a frozen score. A student that reconstructs images is kept near its
/// originals in the features of a teacher's discriminator. Adds a line to the session's notes where the teacher does
/// not fit. The student's networks and objective have to be there.
void resolve_start(TrainingSession& session);

/// Starts a student's networks as the session's recipe says: from parts of the teacher's networks, with frozen blocks,
/// from another run's stage 1 or from the teacher itself; and sets what a stage of distillation minimizes. Throws Error
/// if the teacher or that run does not fit.
void start_student(TrainingSession& session);

/// Starts the networks of `dgl train --from` from a model's of the same family, and freezes the first blocks of its
/// discriminators as the recipe says. Averages go on from the model's, without training.ema_ramp, as
/// stylegan2-ada-pytorch's do. Discriminators that the model lacks start from random weights, with a note.
/// Throws Error for a model of other networks.
void start_from_model(TrainingSession& session);

}  // namespace dgl
