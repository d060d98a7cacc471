#pragma once

#include <memory>
#include <utility>

namespace dgl {

/// An owning pointer to a polymorphic value. Copying it copies the value by T::clone().
template <class T>
class Cloned {
 public:
  Cloned() = default;
  Cloned(std::unique_ptr<T> value) : value_(std::move(value)) {}
  Cloned(const Cloned& other) : value_(other.value_ ? other.value_->clone() : nullptr) {}
  Cloned(Cloned&&) noexcept = default;
  Cloned& operator=(Cloned other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  T& operator*() const { return *value_; }
  T* operator->() const { return value_.get(); }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace dgl
