// From a credential's name to its file, by the environment that the service manager made.
#include "base/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *directory(void)
{
	const char *path = getenv("CREDENTIALS_DIRECTORY");

	return path != NULL && path[0] == '/' ? path : NULL;
}

int credential_path(const char *name, char **path, struct error *err)
{
	const char *place = directory();

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return error_set(err, EINVAL,
			"'%s' is no name of a credential; a file name without '/' and without '.' "
			"at its start is wanted",
			name);
	if (place == NULL)
		return error_set(err, ENOENT,
			"credential %s: the service manager gave none (CREDENTIALS_DIRECTORY is "
			"not "
			"set); LoadCredential= in a systemd unit does",
			name);
	if (asprintf(path, "%s/%s", place, name) >= 0)
		return 0;
	*path = NULL;
	return error_set(err, ENOMEM, "no memory");
}

bool credential_is(const char *path)
{
	const char *place = directory();
	size_t octets = place == NULL ? 0 : strlen(place);

	return octets > 0 && strncmp(path, place, octets) == 0 && path[octets] == '/' &&
		strchr(path + octets + 1, '/') == NULL;
}
