// Pages of an answer, one behind the other.
#include "vpectl/pages.h"

#include "vpectl/client.h"

#include <stdint.h>

enum vpectl_exit pages_ask(const char *socket, const char *request, json_t *arguments,
	void (*page)(const json_t *result, void *to), void *to)
{
	json_t *asked = arguments ? arguments : json_object();
	enum vpectl_exit status = VPECTL_OK;
	bool more = true;

	while (more && status == VPECTL_OK) {
		struct error err;
		json_t *result;
		int ret = client_request(socket, request, asked, &result, &err);

		if (ret < 0) {
			status = vpectl_fail(ret, &err);
			continue;
		}
		page(result, to);
		more = json_object_get(result, "more") != NULL;
		json_object_set(asked, "after", json_object_get(result, "more"));
		json_decref(result);
	}
	json_decref(asked);
	return status;
}

struct gathered {
	const char *name;
	json_t *all; // the last page, with the lists of all
};

static void gather(const json_t *result, void *to)
{
	struct gathered *gathered = to;
	json_t *list = json_incref(json_object_get(gathered->all, gathered->name));

	json_array_extend(list, json_object_get(result, gathered->name));
	json_object_update(gathered->all, (json_t *)(uintptr_t)result);
	json_object_set_new(gathered->all, gathered->name, list);
	json_object_del(gathered->all, "more");
}

enum vpectl_exit pages_show(const struct vpectl *ctl, const char *request, const char *list,
	json_t *arguments, void (*print)(const json_t *result))
{
	struct gathered gathered = {list, json_pack("{s:[]}", list)};
	enum vpectl_exit status = pages_ask(ctl->socket, request, arguments, gather, &gathered);

	if (status == VPECTL_OK)
		vpectl_print(ctl, gathered.all, print);
	json_decref(gathered.all);
	return status;
}
