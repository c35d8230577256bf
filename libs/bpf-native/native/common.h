// Node-API for every file, read once (see Makefile).
#include <napi.h>
