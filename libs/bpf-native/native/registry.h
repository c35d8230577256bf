#pragma once
// What each .cc exports, in the order of src/native.ts.
#include <napi.h>

namespace bpf_native {

void export_object(Napi::Object exports);
void export_map(Napi::Object exports);
void export_map_batch(Napi::Object exports);
void export_program(Napi::Object exports);
void export_link(Napi::Object exports);
void export_filter(Napi::Object exports);
void export_ring_buffer(Napi::Object exports);
void export_probe(Napi::Object exports);
void export_system(Napi::Object exports);

}  // namespace bpf_native
