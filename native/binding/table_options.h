// How tables are written, and where: parts of the requests of jobs that write some.
#pragma once

#include "binding/object_reader.h"
#include "core/jobs.h"

namespace varve::binding {

// The property "table".
TableOptions ReadTableOptions(ObjectReader* request);
// `value`: { path, id }.
OutputFile ReadOutput(ObjectReader* request, napi_value value);

}  // namespace varve::binding
