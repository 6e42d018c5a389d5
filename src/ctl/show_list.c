// A page goes on behind a name, not at a number: what others add or delete meanwhile moves nothing
// out of it that was there all the time.
#include "ctl/show_list.h"

#include "ctl/show.h"

#include <errno.h>

static const char *name_at(const struct show_list *of, unsigned at)
{
	return (const char *)of->items + at * of->octets;
}

// of->n: there is none.
static unsigned find(const struct show_list *of, const char *name)
{
	return name_index_find(of->names, of->items, of->n, of->octets, name);
}

static int show_named(const struct gateway *gateway, const struct show_list *of, const char *name,
	json_t *list, struct error *err)
{
	unsigned at = find(of, name);

	if (at == of->n)
		return error_set(err, ENOENT, "there is no %s \"%.64s\"", of->what, name);
	json_array_append_new(list, of->show(gateway, at));
	return 0;
}

// *more: the last one's name, if there are others behind it.
static int show_page(const struct gateway *gateway, const struct show_list *of, const char *after,
	json_t *list, json_t **more, struct error *err)
{
	unsigned at = after ? find(of, after) : 0;

	if (after && at == of->n)
		return error_set(err, ENOENT,
			"there is no %s \"%.64s\" any more to go on after; ask from the beginning",
			of->what, after);
	for (at += after ? 1 : 0; at < of->n && json_array_size(list) < SHOW_ROWS; at++)
		json_array_append_new(list, of->show(gateway, at));
	if (at < of->n)
		*more = json_string(name_at(of, at - 1));
	return 0;
}

int show_list(const struct gateway *gateway, const struct show_list *of, const json_t *arguments,
	json_t **result, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "name"));
	const char *after = json_string_value(json_object_get(arguments, "after"));
	json_t *list = json_array(), *more = NULL;
	int ret = name ? show_named(gateway, of, name, list, err)
		       : show_page(gateway, of, after, list, &more, err);

	if (ret < 0) {
		json_decref(list);
		return ret;
	}
	*result = json_pack("{s:o, s:o*}", of->all, list, "more", more);
	return *result ? 0 : error_set(err, ENOMEM, "no memory for the %s", of->all);
}
