// Pages of scans: filled where the caller says, or by a job.
#include <vector>

#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/scan_job.h"

namespace varve::binding {

namespace {

constexpr size_t kInfoLength = 5;
constexpr uint32_t kDone = 1, kKeysAscii = 2, kValuesAscii = 4, kPageBlocks = 8;
constexpr uint64_t kPageBytesMax = uint64_t{1} << 31;
constexpr uint64_t kPageEntriesMax = 1 << 20;

void FillInfo(const ScanPage& page, bool blocks, uint32_t* info) {
  info[0] = static_cast<uint32_t>(page.keys_bytes);
  info[1] = static_cast<uint32_t>(page.values_bytes);
  info[2] = (page.done ? kDone : 0) | (page.keys_ascii ? kKeysAscii : 0) |
            (page.values_ascii ? kValuesAscii : 0) | (blocks ? kPageBlocks : 0);
  info[3] = static_cast<uint32_t>(page.next_key_bytes);
  info[4] = static_cast<uint32_t>(page.next_value_bytes);
}

napi_value Page(napi_env env, napi_callback_info info) {
  Arguments<8> arguments(env, info);
  ScanHandle* scan = ScanArgument(env, &arguments);
  if (!scan) return nullptr;
  ScanPage page;
  size_t sizes = 0, info_length = 0;
  const ReadTier tier = static_cast<ReadTier>(arguments.Integer(1, "tier", 2));
  page.keys = arguments.Bytes(2, "keys", &page.keys_capacity);
  page.values = arguments.Bytes(3, "slab", &page.values_capacity);
  const uint64_t offset = arguments.Integer(4, "slabOffset");
  page.sizes = arguments.Uint32Array(5, "sizes", &sizes);
  page.entries_max = arguments.Integer(6, "entriesMax");
  uint32_t* out = arguments.Uint32Array(7, "info", &info_length);
  if (arguments.failed()) return nullptr;
  if (page.entries_max > sizes / 2) return ThrowInvalid(env, "sizes", "must have two per entry");
  if (info_length < kInfoLength) return ThrowInvalid(env, "info", "must have five elements");
  // A slab that is full is not one that is left out.
  if (page.values_capacity != 0 && offset >= page.values_capacity) {
    return ThrowInvalid(env, "slabOffset", "must be within the slab");
  }
  if (page.values_capacity != 0) {
    page.values += offset;
    page.values_capacity -= offset;
  }
  const Status status = scan->scan.Fill(tier, &page);
  if (!status.ok() && !status.IsWouldBlock()) return Throw(env, status);
  FillInfo(page, !status.ok(), out);
  return MakeNumber(env, static_cast<uint32_t>(page.entries));
}

struct PageWork {
  std::shared_ptr<ScanHandle> scan;
  ScanPage page;
  std::unique_ptr<char[]> keys, values;
  std::vector<uint32_t> sizes;

  Status Run(JobProgress*) {
    // Not touched before it is filled, so what is not filled costs nothing.
    keys.reset(new (std::nothrow) char[page.keys_capacity]);
    values.reset(new (std::nothrow) char[page.values_capacity]);
    if (!keys || !values) return Status(Code::kIoError, "there is no memory for the page");
    sizes.resize(page.entries_max * 2);
    page.keys = keys.get();
    page.values = values.get();
    page.sizes = sizes.data();
    return scan->scan.Fill(ReadTier::kMayBlock, &page);
  }

  napi_value Result(Environment* environment) {
    const napi_env env = environment->env();
    uint32_t info[kInfoLength];
    FillInfo(page, false, info);
    const bool with_keys = page.keys_capacity != 0, with_values = page.values_capacity != 0;
    ObjectBuilder result(env);
    result.Set("keys", MakeBuffer(env, std::move(keys), with_keys ? page.keys_bytes : 0));
    result.Set("values", MakeBuffer(env, std::move(values), with_values ? page.values_bytes : 0));
    result.Set("sizes", MakeUint32Array(env, sizes.data(), page.entries * 2));
    result.Set("info", MakeUint32Array(env, info, kInfoLength));
    result.Number("entries", uint64_t{page.entries});
    return result.value();
  }
};

napi_value StartPage(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  if (!ScanArgument(env, &arguments)) return nullptr;
  PageWork work;
  work.scan = arguments.Share<ScanHandle>(0, "scan");
  work.page.keys_capacity = arguments.Integer(1, "keysBytes", kPageBytesMax);
  work.page.values_capacity = arguments.Integer(2, "valuesBytes", kPageBytesMax);
  work.page.entries_max = arguments.Integer(3, "entriesMax", kPageEntriesMax);
  if (arguments.failed()) return nullptr;
  return StartScanJob(&arguments.environment(), std::move(work));
}

constexpr Export kExports[] = {{"scanPage", Page}, {"scanPageJob", StartPage}};

}  // namespace

Exports ScanPageExports() { return kExports; }

}  // namespace varve::binding
