// Steps that change something begin and end as those of a batch do.
#include "change_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int do_step(struct change *change, change_step_function *step, json_t *arguments, json_t **result,
	struct error *err)
{
	unsigned tunnels = change->draft->tunnels_n;
	int ret;

	*result = NULL;
	change->extent = CHANGE_ALL;
	ret = step(change, arguments, result, err);
	change_end_step(change, tunnels);
	json_decref(arguments);
	return ret;
}

json_t *done_step(struct change *change, change_step_function *step, json_t *arguments)
{
	struct error err;
	json_t *result;

	if (do_step(change, step, arguments, &result, &err) < 0)
		fail_msg("%s", err.text);
	return result;
}
