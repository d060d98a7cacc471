#include "dgl/nn/rational.h"

#include <regex>

#include "dgl/base/error.h"

namespace dgl {

Rational Rational::parse(const std::string& text, const std::string& key) {
  static const std::regex form("([0-9]{1,4})(/([0-9]{1,4}))?");
  std::smatch match;
  if (std::regex_match(text, match, form)) {
    const Rational r{std::stoll(match[1]), match[3].matched ? std::stoll(match[3]) : 1};
    if (r.numerator > 0 && r.numerator <= r.denominator) return r;
  }
  fail("{} = \"{}\": expected a share in (0, 1] such as 1, 1/2 or 3/8", key, text);
}

std::string Rational::text() const {
  return denominator == 1 ? std::to_string(numerator) : std::to_string(numerator) + "/" + std::to_string(denominator);
}

}  // namespace dgl
