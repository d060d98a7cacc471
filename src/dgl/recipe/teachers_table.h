#pragma once

namespace dgl {

/// The name of the tables of teachers after the first, [[guidance.teachers]].
inline constexpr const char* kTeachersTable = "guidance.teachers";

}  // namespace dgl
