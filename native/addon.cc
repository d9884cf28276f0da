// Placeholder until the binding lands: an addon with nothing in it.
#include <napi.h>

static Napi::Object Init(Napi::Env, Napi::Object exports) { return exports; }

NODE_API_MODULE(varve, Init)
