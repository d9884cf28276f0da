// Status: what an operation of the data plane came to.
//
// An ok Status is one null pointer, so returning it costs nothing. Everything
// else carries a code, a sentence, and where it happened (file, offset, errno)
// so that the error a user reads names the place.
//
// Thread safety: a value; copy it freely between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace varve {

// Bytes somebody else owns. The word of this code base for keys and values.
using Slice = std::string_view;

enum class Code : uint8_t {
  kOk = 0,
  kCorruption,       // bytes on disk are not what was written
  kIoError,          // the operating system said no; see os_error()
  kNoSpace,          // ENOSPC or EDQUOT
  kNotFound,         // a file or an index that should be there is not
  kExists,           // a file that should not be there is
  kLocked,           // somebody else holds the directory
  kWouldBlock,       // the answer needs the disk and the caller may not wait
  kInvalidArgument,  // the caller's mistake
  kUnsupported,      // a newer format, an unknown kind
  kTooLarge,         // over a limit of the format
  kClosed,           // the object was closed
  kAborted,          // cancelled on request
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(Code code, std::string message);

  static Status Ok() { return Status(); }
  static Status Corruption(std::string message) {
    return Status(Code::kCorruption, std::move(message));
  }
  static Status InvalidArgument(std::string message) {
    return Status(Code::kInvalidArgument, std::move(message));
  }
  static Status Unsupported(std::string message) {
    return Status(Code::kUnsupported, std::move(message));
  }
  static Status WouldBlock();
  static Status Closed() { return Status(Code::kClosed, "it is closed"); }
  static Status Aborted() { return Status(Code::kAborted, "it was cancelled"); }
  // From errno of a failed system call: ENOSPC/EDQUOT → kNoSpace, ENOENT →
  // kNotFound, EEXIST → kExists, everything else → kIoError.
  static Status FromErrno(int os_error, std::string_view what, std::string_view file);

  // Adds the place; the innermost one given stays. Returns *this for chaining.
  Status& At(std::string_view file, uint64_t offset);
  Status& InFile(std::string_view file);

  bool ok() const { return detail_ == nullptr; }
  Code code() const { return detail_ ? detail_->code : Code::kOk; }
  bool IsWouldBlock() const { return code() == Code::kWouldBlock; }
  bool IsCorruption() const { return code() == Code::kCorruption; }
  bool IsNotFound() const { return code() == Code::kNotFound; }
  const std::string& message() const;  // "" when ok
  const std::string& file() const;     // "" when not known
  bool has_offset() const { return detail_ && detail_->has_offset; }
  uint64_t offset() const { return detail_ ? detail_->offset : 0; }
  int os_error() const { return detail_ ? detail_->os_error : 0; }
  // One line for people: "corruption: bad checksum (000012.sst at 4096)".
  std::string ToString() const;

 private:
  struct Detail {
    Code code;
    bool has_offset = false;
    int os_error = 0;
    uint64_t offset = 0;
    std::string message;
    std::string file;
  };
  std::shared_ptr<Detail> detail_;
};

// The name of a code as the control plane sees it: "CORRUPTION", "NO_SPACE", …
std::string_view CodeName(Code code);

#define VARVE_TRY(expression)                   \
  do {                                          \
    ::varve::Status try_status_ = (expression); \
    if (!try_status_.ok()) return try_status_;  \
  } while (false)

}  // namespace varve
