#include "core/status.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/immortal.h"

namespace varve {
namespace {

const std::string& EmptyString() {
  static const std::string empty;
  return empty;
}

std::string_view CodeWords(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kCorruption:
      return "corruption";
    case Code::kIoError:
      return "input/output error";
    case Code::kNoSpace:
      return "no space";
    case Code::kNotFound:
      return "not found";
    case Code::kExists:
      return "exists";
    case Code::kLocked:
      return "locked";
    case Code::kWouldBlock:
      return "would block";
    case Code::kInvalidArgument:
      return "invalid argument";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kTooLarge:
      return "too large";
    case Code::kClosed:
      return "closed";
    case Code::kAborted:
      return "aborted";
  }
  return "unknown";
}

Code CodeOfErrno(int os_error) {
  switch (os_error) {
    case ENOSPC:
      return Code::kNoSpace;
#ifdef EDQUOT
    case EDQUOT:
      return Code::kNoSpace;
#endif
    case ENOENT:
      return Code::kNotFound;
    case EEXIST:
      return Code::kExists;
    default:
      return Code::kIoError;
  }
}

}  // namespace

Status::Status(Code code, std::string message) {
  if (code == Code::kOk) return;
  detail_ = std::make_shared<Detail>();
  detail_->code = code;
  detail_->message = std::move(message);
}

Status Status::WouldBlock() {
  // Part of the ordinary read path: one immortal detail that nobody counts, so that
  // saying so allocates nothing and touches no shared counter.
  static Immortal<Detail> immortal(Code::kWouldBlock, false, 0, uint64_t{0}, "it needs the disk",
                                   "");
  Status status;
  status.detail_ = std::shared_ptr<Detail>(std::shared_ptr<Detail>(), immortal.get());
  return status;
}

Status Status::FromErrno(int os_error, std::string_view what, std::string_view file) {
  Status status(CodeOfErrno(os_error),
                std::string(what) + ": " + std::generic_category().message(os_error));
  status.detail_->os_error = os_error;
  status.detail_->file = file;
  return status;
}

Status& Status::At(std::string_view file, uint64_t offset) {
  if (ok() || detail_->has_offset) return *this;
  if (!detail_->file.empty() && detail_->file != file) return *this;
  // A copy of this Status may be read by another thread: its detail stays as it is.
  detail_ = std::make_shared<Detail>(*detail_);
  detail_->file = file;
  detail_->offset = offset;
  detail_->has_offset = true;
  return *this;
}

Status& Status::InFile(std::string_view file) {
  if (ok() || !detail_->file.empty()) return *this;
  detail_ = std::make_shared<Detail>(*detail_);
  detail_->file = file;
  return *this;
}

const std::string& Status::message() const { return detail_ ? detail_->message : EmptyString(); }

const std::string& Status::file() const { return detail_ ? detail_->file : EmptyString(); }

std::string Status::ToString() const {
  std::string line(CodeWords(code()));
  if (ok()) return line;
  if (!detail_->message.empty()) line += ": " + detail_->message;
  if (detail_->file.empty()) return line;
  line += " (" + detail_->file;
  if (detail_->has_offset) line += " at " + std::to_string(detail_->offset);
  return line + ")";
}

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "OK";
    case Code::kCorruption:
      return "CORRUPTION";
    case Code::kIoError:
      return "IO_ERROR";
    case Code::kNoSpace:
      return "NO_SPACE";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kExists:
      return "EXISTS";
    case Code::kLocked:
      return "LOCKED";
    case Code::kWouldBlock:
      return "WOULD_BLOCK";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kUnsupported:
      return "UNSUPPORTED";
    case Code::kTooLarge:
      return "TOO_LARGE";
    case Code::kClosed:
      return "CLOSED";
    case Code::kAborted:
      return "ABORTED";
  }
  return "UNKNOWN";
}

}  // namespace varve
