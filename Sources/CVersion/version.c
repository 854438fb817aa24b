#include "CVersion.h"
/* Written by tools/version where make builds, and changed only when the version has. */
#if __has_include("built-version.h")
#include "built-version.h"
#else
#define BUILT_VERSION ""
#endif

const char *cv_version(void) { return BUILT_VERSION; }
