// Names of owners.
#include "ctl/owners.h"

#include "ctl/config_tables.h"

#include <errno.h>
#include <string.h>

void owners_init(struct owners *owners)
{
	*owners = (struct owners){
		.n = 2,
		.owner = {[OWNER_FILE] = {.name = "file"}, [OWNER_OPERATOR] = {.name = "operator"}},
	};
}

int owners_find(const struct owners *owners, const char *name)
{
	for (unsigned i = 0; i < owners->n; i++)
		if (strcmp(owners->owner[i].name, name) == 0)
			return (int)i;
	return -1;
}

int owners_take(
	struct owners *owners, const char *name, uid_t uid, uint16_t *index, struct error *err)
{
	int found = owners_find(owners, name);
	const char *wrong = name_wrong(name);

	if (wrong || strlen(name) >= OWNER_NAME)
		return error_set(err, EINVAL, "\"owner\" is no name: %s",
			wrong ? wrong : "at most 31 characters are wanted");
	if (found == OWNER_FILE || found == OWNER_OPERATOR)
		return error_set(
			err, EINVAL, "owner \"%s\" is the daemon's own; take another", name);
	if (found >= 0 && owners->owner[found].uid != uid)
		return error_set(err, EPERM, "owner \"%s\" is user %u's, and this is user %u", name,
			owners->owner[found].uid, uid);
	if (found < 0 && owners->n == OWNERS_MAX)
		return error_set(err, ENOSPC, "there are %d owners already", OWNERS_MAX);
	if (found < 0) {
		found = (int)owners->n++;
		memcpy(owners->owner[found].name, name, strlen(name) + 1);
		owners->owner[found].uid = uid;
	}
	*index = (uint16_t)found;
	return 0;
}
