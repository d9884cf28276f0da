#include "binding/table_options.h"

namespace varve::binding {

namespace {

constexpr uint64_t kBlockBytesMax = 1 << 24;
constexpr uint64_t kRestartIntervalMax = 1 << 10;

}  // namespace

TableOptions ReadTableOptions(ObjectReader* request) {
  TableOptions options;
  if (request->failed()) return options;
  ObjectReader table(request->environment(), request->Get("table"), "table");
  options.block_bytes = table.Integer("blockBytes", kBlockBytesMax);
  options.restart_interval =
      static_cast<int>(table.Integer("restartInterval", kRestartIntervalMax));
  options.filter_bits_per_key = table.Number("filterBitsPerKey");
  options.hash_index = table.Boolean("hashIndex");
  const double bits = options.filter_bits_per_key;
  if (!table.failed() &&
      (options.block_bytes == 0 || options.restart_interval == 0 || !(bits >= 0 && bits <= 64))) {
    ThrowInvalid(table.env(), "table", "must have blocks, restarts and at most 64 bits per key");
    table.Fail();
  }
  if (table.failed()) request->Fail();
  return options;
}

OutputFile ReadOutput(ObjectReader* request, napi_value value) {
  OutputFile output;
  if (request->failed()) return output;
  ObjectReader reader(request->environment(), value, "an output");
  output.path = reader.Text("path");
  output.id = reader.Id("id");
  if (reader.failed()) request->Fail();
  return output;
}

}  // namespace varve::binding
