// What each file of the binding gives to the addon's exports.
#pragma once

#include <napi.h>

#include <span>

namespace varve::binding {

struct Export {
  const char* name;
  napi_callback function;
};
using Exports = std::span<const Export>;

Exports EnvironmentExports();
Exports JobExports();
Exports ExecutorExports();
Exports DiskExports();
Exports AppendFileExports();
Exports MemoryDiskExports();
Exports EngineExports();
Exports MemtableExports();
Exports TableExports();
Exports WalExports();
Exports RecordExports();
Exports SegmentExports();
Exports WriteExports();
Exports ReplayExports();
Exports ReadExports();
Exports ReadManyExports();
Exports FramedReadExports();
Exports PlacedPutExports();
Exports EntryExports();
Exports ScanExports();
Exports ScanPageExports();
Exports CountExports();
Exports MergeExports();
Exports CopyExports();
Exports SalvageExports();
Exports ReactorExports();
Exports ConnectionExports();

}  // namespace varve::binding
