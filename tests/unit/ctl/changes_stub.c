// Changes of one step each that nobody makes.
#include "changes_stub.h"

#include "ctl/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct changes_stub changes_stub;

int changes_submit(struct changes *changes, const struct author *author,
	const struct change_step *steps, unsigned n, change_done *done, void *arg,
	struct change_ticket **ticket, struct error *err)
{
	(void)changes;
	assert_int_equal(n, 1);
	changes_stub.submitted++;
	changes_stub.owner = author->owner;
	changes_stub.request = steps[0].request;
	if (changes_stub.answer < 0)
		return error_set(err, -changes_stub.answer, "not now");
	changes_stub.done = done;
	changes_stub.arg = arg;
	*ticket = (struct change_ticket *)&changes_stub;
	return 0;
}

int changes_look(struct changes *changes, const struct author *author,
	const struct change_step *step, json_t **result, struct error *err)
{
	(void)changes;
	(void)author;
	(void)err;
	changes_stub.looked++;
	*result = json_string(step->request->name);
	return 0;
}

void changes_forget(struct change_ticket *ticket)
{
	changes_stub.forgotten += ticket != NULL;
}
