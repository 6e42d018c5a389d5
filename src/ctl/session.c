// What a connection may do beside asking: say who it is, gather a batch, listen to events.
#include "ctl/session.h"

#include "ctl/api.h"
#include "ctl/change_requests.h"
#include "ctl/changes.h"
#include "ctl/gateway.h"
#include "ctl/owners.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void drop_batch(struct session *session)
{
	json_decref(session->batch);
	session->batch = NULL;
	session->gateway->batch_octets -= session->batch_octets;
	session->batch_octets = 0;
}

static void stop_listening(struct session *session)
{
	struct gateway *gateway = session->gateway;
	unsigned i = 0;

	while (i < gateway->monitors && gateway->monitor[i] != session)
		i++;
	assert(i < gateway->monitors);
	gateway->monitor[i] = gateway->monitor[--gateway->monitors];
	session->monitors = false;
}

void session_end(struct session *session)
{
	// Who has begun to take over goes on with it.
	if (session->taking)
		session->taking->waits = NULL;
	else
		changes_forget(session->waiting);
	session->waiting = NULL;
	session->taking = NULL;
	json_decref(session->id);
	drop_batch(session);
	if (session->monitors)
		stop_listening(session);
}

static json_t *all_results(const struct session *session, json_t *results)
{
	(void)session;
	return json_pack("{s:O}", "results", results);
}

static void on_live(void *arg, int ret, json_t *results, const struct error *err)
{
	struct session *session = arg;
	json_t *id = session->id;
	size_t octets = 0;
	char *line;

	session->waiting = NULL;
	session->taking = NULL;
	session->id = NULL;
	if (session->due == all_results)
		drop_batch(session);
	line = request_encode(id, ret < 0 ? NULL : session->due(session, results),
		ret < 0 ? err->text : NULL, &octets);
	json_decref(id);
	session->answer(session, line, octets);
}

static int may_change(const struct session *session, struct error *err)
{
	const struct owner *owner = &session->gateway->owners.owner[session->author.owner];

	if (session->author.owner > OWNER_OPERATOR &&
		(owner->coming[0] != '\0' || strcmp(owner->instance, session->instance) != 0))
		return error_set(err, ESTALE,
			"another instance speaks for owner \"%s\" since; say hello again",
			owner->name);
	if (!session->gateway->changes)
		return error_set(err, EAGAIN, "the daemon starts or stops; try again");
	return 0;
}

static int submit(struct session *session, const struct change_step *steps, unsigned n,
	json_t *(*due)(const struct session *session, json_t *results), struct error *err)
{
	int ret = may_change(session, err);

	if (ret < 0)
		return ret;
	session->due = due;
	return changes_submit(session->gateway->changes, &session->author, steps, n, on_live,
		session, &session->waiting, err);
}

static int queue(struct session *session, const struct request *request, const json_t *arguments,
	json_t **result, struct error *err)
{
	size_t octets = json_dumpb(arguments, NULL, 0, 0) + 256;
	json_t *item;

	if (json_array_size(session->batch) >= SESSION_BATCH_REQUESTS)
		return error_set(err, E2BIG, "the batch has %d requests, as many as are allowed",
			SESSION_BATCH_REQUESTS);
	if (session->gateway->batch_octets + octets > SESSION_BATCH_OCTETS)
		return error_set(err, E2BIG, "batches have %d MiB, as much as is allowed",
			SESSION_BATCH_OCTETS >> 20);
	item = json_pack("{s:s, s:O}", "request", request->name, "arguments", arguments);
	if (!item || json_array_append_new(session->batch, item) < 0)
		return error_set(err, ENOMEM, "no memory for the batch");
	session->batch_octets += octets;
	session->gateway->batch_octets += octets;
	*result = json_pack("{s:I}", "queued", (json_int_t)json_array_size(session->batch));
	return 0;
}

static json_t *only_result(const struct session *session, json_t *results)
{
	(void)session;
	return json_incref(json_array_get(results, 0));
}

static int change(struct session *session, const struct request *request, const json_t *arguments,
	json_t **result, struct error *err)
{
	const struct change_step step = {.request = request, .arguments = arguments};
	int ret;

	if (session->batch)
		return queue(session, request, arguments, result, err);
	if (request->looks) {
		ret = may_change(session, err);
		return ret < 0 ? ret
			       : changes_look(session->gateway->changes, &session->author, &step,
					 result, err);
	}
	ret = submit(session, &step, 1, only_result, err);
	return ret < 0 ? ret : -EINPROGRESS;
}

void session_begin(struct session *session, struct gateway *gateway,
	const struct request_table *table, uid_t uid, pid_t pid,
	void (*answer)(struct session *session, char *line, size_t octets))
{
	*session = (struct session){
		.gateway = gateway,
		.table = table,
		.author = {.owner = OWNER_OPERATOR, .uid = uid, .pid = pid},
		.change = change,
		.answer = answer,
	};
}

int session_batch_begin(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	(void)arguments;
	if (session->batch)
		return error_set(err, EALREADY, "a batch has begun already; commit or abort it");
	session->batch = json_array();
	*result = json_object();
	return session->batch && *result ? 0 : error_set(err, ENOMEM, "no memory");
}

int session_batch_abort(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	(void)arguments;
	(void)err;
	*result = json_pack("{s:I}", "dropped", (json_int_t)json_array_size(session->batch));
	drop_batch(session);
	return 0;
}

static int commit(struct session *session, struct error *err)
{
	size_t n = json_array_size(session->batch), i;
	struct change_step *steps = calloc(n + 1, sizeof(*steps));
	json_t *item;
	int ret;

	if (!steps)
		return error_set(err, ENOMEM, "no memory for the batch");
	json_array_foreach(session->batch, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "request"));

		steps[i] = (struct change_step){.request = request_find(session->table, name),
			.arguments = json_object_get(item, "arguments")};
	}
	ret = submit(session, steps, (unsigned)n, all_results, err);
	free(steps);
	return ret;
}

int session_batch_commit(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	int ret;

	(void)arguments;
	(void)result;
	if (!session->batch)
		return error_set(err, EINVAL, "no batch has begun; say \"begin\" first");
	ret = commit(session, err);
	if (ret == 0)
		return -EINPROGRESS;
	drop_batch(session);
	return ret;
}

static unsigned listening(const struct gateway *gateway, uid_t uid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < gateway->monitors; i++)
		n += gateway->monitor[i]->author.uid == uid;
	return n;
}

static int may_listen(const struct session *session, struct error *err)
{
	const struct gateway *gateway = session->gateway;
	const uid_t uid = session->author.uid;
	unsigned most = session->table == &request_table_admin ? GATEWAY_MONITORS
							       : SESSION_MONITORS_READING;

	if (uid != 0)
		most -= SESSION_MONITORS_ROOT;
	if (gateway->monitors >= most)
		return error_set(err, EBUSY, "%u connections listen already", gateway->monitors);
	if (uid != 0 && listening(gateway, uid) >= SESSION_MONITORS_USER)
		return error_set(err, EBUSY, "%d connections of user %u listen already",
			SESSION_MONITORS_USER, uid);
	return 0;
}

int session_monitor(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	struct gateway *gateway = session->gateway;
	int ret = session->monitors ? 0 : may_listen(session, err);

	(void)arguments;
	if (ret < 0)
		return ret;
	if (!session->monitors)
		gateway->monitor[gateway->monitors++] = session;
	session->monitors = true;
	*result = json_pack("{s:b}", "monitoring", 1);
	return *result ? 0 : error_set(err, ENOMEM, "no memory");
}

static json_t *introduce(const struct session *session)
{
	const struct gateway *gateway = session->gateway;
	json_t *names = json_array();

	for (const struct request_table *table = session->table; table; table = table->more)
		for (unsigned i = 0; i < table->n; i++)
			json_array_append_new(names, json_string(table->request[i].name));
	return json_pack("{s:s, s:i, s:s, s:s, s:o}", "daemon", "vped", "protocol", API_VERSION,
		"instance", gateway->instance, "owner",
		gateway->owners.owner[session->author.owner].name, "requests", names);
}

static json_t *introduce_successor(const struct session *session, json_t *withdrawn)
{
	json_t *introduction = introduce(session);

	json_object_set(introduction, "withdrawn", json_array_get(withdrawn, 0));
	return introduction;
}

// Only now nothing of the old instance's is in force any more. Where it could not be removed, the
// next hello tries again.
static void on_withdrawn(void *arg, int ret, json_t *results, const struct error *err)
{
	struct owner *owner = arg;
	struct session *session = owner->waits;

	if (ret == 0)
		memcpy(owner->instance, owner->coming, sizeof(owner->instance));
	owner->coming[0] = '\0';
	owner->waits = NULL;
	if (session)
		on_live(session, ret, results, err);
}

// Another program than before speaks for the owner: what the old one made is not known to it.
static int withdraw(struct session *session, struct owner *owner, struct error *err)
{
	static const struct request withdrawal = {.name = "hello", .change = change_withdraw};
	const struct change_step step = {.request = &withdrawal, .arguments = NULL};
	int ret;

	if (!session->gateway->changes)
		return error_set(err, EAGAIN, "the daemon starts or stops; try again");
	session->due = introduce_successor;
	ret = changes_submit(session->gateway->changes, &session->author, &step, 1, on_withdrawn,
		owner, &session->waiting, err);
	if (ret < 0)
		return ret;
	session->taking = owner;
	owner->waits = session;
	memcpy(owner->coming, session->instance, sizeof(owner->coming));
	return -EINPROGRESS;
}

static int take_over(struct session *session, json_t **result, struct error *err)
{
	struct owner *owner = &session->gateway->owners.owner[session->author.owner];

	if (owner->coming[0] != '\0')
		return error_set(err, EBUSY,
			"another instance takes over owner \"%s\" at this moment; try again",
			owner->name);
	if (owner->instance[0] != '\0' && strcmp(owner->instance, session->instance) != 0)
		return withdraw(session, owner, err);
	memcpy(owner->instance, session->instance, sizeof(owner->instance));
	*result = introduce(session);
	return 0;
}

int session_hello(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "owner"));
	const char *instance = json_string_value(json_object_get(arguments, "instance"));
	uint16_t owner;
	int ret;

	if (!name && !instance) {
		*result = introduce(session);
		return 0;
	}
	if (session->table != &request_table_admin)
		return error_set(err, EPERM, "an owner says hello at the admin socket");
	if (!name || !instance || instance[0] == '\0' || strlen(instance) >= OWNER_INSTANCE)
		return error_set(err, EINVAL,
			"\"owner\" and \"instance\" go together; an instance has 1 to %d "
			"characters",
			OWNER_INSTANCE - 1);
	ret = owners_take(&session->gateway->owners, name, session->author.uid, &owner, err);
	if (ret < 0)
		return ret;
	session->author.owner = owner;
	memcpy(session->instance, instance, strlen(instance) + 1);
	return take_over(session, result, err);
}
