#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/cli/commands.h"

namespace dgl {

namespace {

/// Text in a cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string code(const std::string& text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

/// "`--out` TEXT (required)", or the name of a positional argument.
std::string option_name(const CLI::Option& option) {
  std::string text = code(option.get_name(/*positional=*/false, /*all_options=*/!option.get_positional()));
  if (option.get_expected_min() > 0 && option.get_type_size() > 0) text += " " + cell(option.get_type_name());
  if (option.get_required()) text += " (required)";
  return text;
}

/// All commands and their options as Markdown.
std::string command_line_docs(const CLI::App& app) {
  std::string text =
      "# Command line\n\n"
      "This page is the output of `dgl docs cli`; a test keeps it current. `dgl COMMAND --help` prints the same.\n\n"
      "Exit status: 0 for success; 2 for wrong usage; 1 for anything else, with one line `dgl: error: …` that names "
      "the\n"
      "file, the key or the tensor and says what was expected. An interrupt (SIGINT, SIGTERM) writes a checkpoint and "
      "ends\n"
      "with 130 or 143.\n";
  for (const CLI::App* command : app.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); })) {
    text += fmt::format("\n## dgl {}\n\n{}.\n\n| option | meaning | default |\n|---|---|---|\n", command->get_name(),
                        command->get_description());
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_name() == "--help") continue;
      text += fmt::format("| {} | {} | {} |\n", option_name(*option), cell(option->get_description()),
                          code(option->get_default_str()));
    }
  }
  return text;
}

/// "8 to 1024", "fp32 or bf16".
std::string values_of(const ConfigKey& key) {
  if (!key.choices.empty()) {
    std::vector<std::string> names;
    for (const std::string& choice : key.choices) names.push_back(choice.empty() ? "\"\"" : choice);
    return fmt::format("{}", fmt::join(names, ", "));
  }
  if (std::holds_alternative<bool*>(key.value)) return "true, false";
  if (key.takes_text()) return "text";
  if (std::holds_alternative<int64_t*>(key.value)) {
    return fmt::format("{} to {}", static_cast<int64_t>(key.low), static_cast<int64_t>(key.high));
  }
  return fmt::format("{:g} to {:g}", key.low, key.high);
}

/// The keys of one table as rows, without those that have no help.
std::string key_rows(const std::vector<ConfigKey>& keys) {
  std::string text = "| key | default | values | meaning |\n|---|---|---|---|\n";
  for (const ConfigKey& key : keys) {
    if (key.help.empty()) continue;
    text +=
        fmt::format("| `{}` | `{}` | {} | {} |\n", key.full_name(), key.toml(), cell(values_of(key)), cell(key.help));
  }
  return text;
}

/// All keys of recipes as Markdown.
std::string recipe_docs() {
  std::string text =
      "# Keys of a recipe\n\n"
      "This page is the output of `dgl docs recipe-keys`; a test keeps it current. [recipes.md](recipes.md) explains "
      "how\n"
      "recipes are used. A key that neither a recipe nor its family knows is an error.\n\n"
      "## All families\n\n";
  Recipe recipe;
  std::vector<ConfigKey> keys = recipe_keys(recipe);
  const size_t own = recipe.family_info().keys(*recipe.network).size();
  keys.resize(keys.size() - own);
  text += key_rows(keys);
  TeacherRecipe teacher;
  text += "\nEach further teacher is a table `[[guidance.teachers]]`:\n\n" + key_rows(teacher_keys(teacher));
  for (const Family* family : families()) {
    const auto settings = family->default_settings();
    text += fmt::format("\n## family = \"{}\"\n\n{}", family->name(), key_rows(family->keys(*settings)));
  }
  return text;
}

}  // namespace

void add_docs(CLI::App& app, CommonOptions&) {
  CLI::App* command = app.add_subcommand("docs", "Print a page of the documentation: cli or recipe-keys");
  command->group("");  // for those who maintain the documentation
  auto page = std::make_shared<std::string>();
  command->add_option("PAGE", *page, "cli or recipe-keys")->required()->check(CLI::IsMember({"cli", "recipe-keys"}));
  command->callback([&app, page] { fmt::print("{}", *page == "cli" ? command_line_docs(app) : recipe_docs()); });
}

}  // namespace dgl
