/* Which version this is: docs/linking.md. */
#pragma once

/* The tag or commit that make found, or "" in a build without make. */
const char *cv_version(void);
