// Secrets that the service manager hands over, as files of a directory that only this service sees
// (systemd.exec(5), LoadCredential=).
#pragma once

#include "base/error.h"

#include <stdbool.h>

// What stands before the name of one where a file name is expected.
#define CREDENTIAL_PREFIX "credential:"

// The file of a credential; allocated. 0 or -errno with err filled.
int credential_path(const char *name, char **path, struct error *err);
// Whether a file lies in the service's directory of credentials.
bool credential_is(const char *path);
