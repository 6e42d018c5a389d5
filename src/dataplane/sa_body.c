// SAs made, moved and ended: what several of them count by goes with the last.
#include "dataplane/sadb.h"

#include <errno.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <string.h>

static void runtime_destroy(struct sa *sa)
{
	if (sa->in != NULL)
		sa_in_fini(sa->in);
	rte_free(sa->in);
	rte_free(sa->out);
}

int sa_create(const char *name, bool inbound, const struct sa_params *params, const uint8_t *key,
	const struct aead_engine *engine, struct tunnel *tunnel, const struct sa_place *place,
	struct sa **created, struct error *err)
{
	size_t octets =
		inbound ? sa_in_octets(params, place->workers) : sa_out_octets(place->workers);
	struct sa *sa = rte_zmalloc("sa", sizeof(*sa), CACHE_LINE);
	void *memory = rte_malloc_socket("sa-runtime", octets, CACHE_LINE, place->socket);
	int rc = sa == NULL || memory == NULL ? -ENOMEM : 0;

	if (rc == 0)
		rc = aead_key_create(engine, params->algorithm, key, &sa->key);
	if (rc != 0) {
		rte_free(memory);
		rte_free(sa);
		return error_set(err, -rc, "SA %s: %s", name, strerror(-rc));
	}
	snprintf(sa->name, sizeof(sa->name), "%s", name);
	sa->inbound = inbound;
	sa->params = *params;
	sa->tunnel = tunnel;
	sa->body = sa;
	sa->users = 1;
	if (inbound)
		sa->in = sa_in_init(
			memory, params, sa->key, place->workers, tunnel->index, place->windows);
	else
		sa->out = sa_out_init(memory, params, sa->key, place->workers, place->path_mtu);
	*created = sa;
	return 0;
}

int sa_move(struct sa *from, const char *name, const struct sa_params *params,
	struct tunnel *tunnel, const struct sa_place *place, struct sa **created, struct error *err)
{
	size_t octets = from->inbound ? sizeof(struct sa_in) : sizeof(struct sa_out);
	struct sa *sa = rte_zmalloc("sa", sizeof(*sa), CACHE_LINE);
	void *memory = rte_malloc_socket("sa-header", octets, CACHE_LINE, place->socket);

	if (sa == NULL || memory == NULL) {
		rte_free(memory);
		rte_free(sa);
		return error_set(err, ENOMEM, "SA %s: no memory", name);
	}
	snprintf(sa->name, sizeof(sa->name), "%s", name);
	sa->inbound = from->inbound;
	sa->params = *params;
	sa->tunnel = tunnel;
	sa->key = from->key;
	sa->body = from->body;
	sa->body->users++;
	if (sa->inbound)
		sa->in = sa_in_move(memory, from->in, params, tunnel->index);
	else
		sa->out =
			sa_out_move(memory, from->out, ++sa->body->moves, params, place->path_mtu);
	*created = sa;
	return 0;
}

void sa_destroy(struct sa *sa)
{
	struct sa *body = sa == NULL ? NULL : sa->body;

	if (body == NULL)
		return;
	if (sa != body) {
		rte_free(sa->in);
		rte_free(sa->out);
		rte_free(sa);
	}
	if (--body->users > 0)
		return;
	if (body->ends != NULL)
		body->ends(body->listener, body);
	runtime_destroy(body);
	aead_key_destroy(body->key);
	rte_free(body);
}
