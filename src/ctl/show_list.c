// A page goes on behind a name, not at a number: what others add or delete meanwhile moves nothing
// out of it that was there all the time.
#include "ctl/show_list.h"

#include "ctl/show.h"

#include <errno.h>
#include <string.h>

static const char *name_at(const struct show_list *of, unsigned at)
{
	return (const char *)of->items + at * of->octets;
}

// of->n: there is none.
static unsigned find(const struct show_list *of, const char *name)
{
	unsigned at = 0;

	while (at < of->n && strcmp(name_at(of, at), name) != 0)
		at++;
	return at;
}

static json_t *show_named(const struct gateway *gateway, const struct show_list *of,
	const char *name, struct error *err)
{
	unsigned at = find(of, name);

	if (at < of->n)
		return json_pack("[o]", of->show(gateway, at));
	error_set(err, ENOENT, "there is no %s \"%.64s\"", of->what, name);
	return NULL;
}

json_t *show_list(const struct gateway *gateway, const struct show_list *of,
	const json_t *arguments, json_t **more, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "name"));
	const char *after = json_string_value(json_object_get(arguments, "after"));
	unsigned at = after ? find(of, after) : 0;
	json_t *list;

	*more = NULL;
	if (name)
		return show_named(gateway, of, name, err);
	if (after && at == of->n) {
		error_set(err, ENOENT,
			"there is no %s \"%.64s\" any more to go on after; ask from the beginning",
			of->what, after);
		return NULL;
	}
	list = json_array();
	for (at += after ? 1 : 0; at < of->n && json_array_size(list) < SHOW_ROWS; at++)
		json_array_append_new(list, of->show(gateway, at));
	if (at < of->n)
		*more = json_string(name_at(of, at - 1));
	return list;
}
