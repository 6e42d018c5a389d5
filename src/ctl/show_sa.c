// show-sa: security associations with their counters, sequence numbers and replay windows.
#include "base/counter.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/show.h"
#include "ctl/show_lifetimes.h"

#include <errno.h>
#include <string.h>

// Of one SA; the counters of the rest are in the sums.
#define WINDOWS_SHOWN 1024

// A protocol with one encrypting worker has one window, without a number of its own on the wire.
static bool has_window_ids(const struct sa *sa)
{
	return !sa->params.proto->one_encryptor;
}

static json_t *out_lane(const struct sa *sa, const struct sa_out_lane *lane, unsigned worker)
{
	json_t *shown = json_pack("{s:i, s:o, s:I, s:I}", "worker", (int)worker, "next",
		show_sequence(counter_read(&lane->next)), "packets",
		(json_int_t)counter_read(&lane->packets), "octets",
		(json_int_t)counter_read(&lane->octets));

	if (has_window_ids(sa))
		json_object_set_new(shown, "window_id", json_integer(lane->window_id));
	return shown;
}

static void show_out(const struct gateway *gateway, const struct sa *sa, json_t *shown)
{
	const struct dataplane *dp = gateway->dp;
	uint64_t drops[DROP_SA_END] = {0};
	uint64_t packets = 0;
	uint64_t octets = 0;
	json_t *lanes = json_array();

	for (unsigned i = 0; i < dp->workers; i++) {
		const struct sa_out_lane *lane = &sa->out->lane[i];
		const uint64_t *dropped = sa->out->drops + (size_t)i * SA_OUT_DROPS_STRIDE;

		packets += counter_read(&lane->packets);
		octets += counter_read(&lane->octets);
		for (unsigned j = 0; j < DROP_SA_END; j++)
			drops[j] += counter_read(&dropped[j]);
		if (sa->out->owner == SA_NO_OWNER ? dp->encrypt_index[i] != UINT16_MAX
						  : sa->out->owner == i)
			json_array_append_new(lanes, out_lane(sa, lane, i));
	}
	json_object_set_new(shown, "packets", show_counter(packets));
	json_object_set_new(shown, "octets", show_counter(octets));
	json_object_set_new(shown, "drops", show_drops(drops, DROP_SA_END));
	json_object_set_new(shown, "inner_mtu", json_integer(sa_out_max_inner(sa->out)));
	json_object_set_new(shown, "path_mtu", json_integer(sa->tunnel->path_mtu));
	json_object_set_new(shown, "port_mtu", json_integer(dp->port[sa->tunnel->port].mtu));
	json_object_set_new(shown, "lanes", lanes);
}

static json_t *window(const struct sa *sa, const struct window_slot *slot, uint64_t claim)
{
	const struct replay_window *w = atomic_load_explicit(&slot->window, memory_order_acquire);
	json_t *shown = json_pack("{s:i}", "worker", (int)(claim & 0xffff) - 1);

	// The ID word: Sender ID in its lower half, Window ID above.
	if (has_window_ids(sa)) {
		json_object_set_new(shown, "sender_id", json_integer(claim >> 32 & 0xffff));
		json_object_set_new(shown, "window_id", json_integer((json_int_t)(claim >> 48)));
	}
	if (!w)
		return shown; // claimed this moment
	json_object_set_new(shown, "top", show_sequence(counter_read(&w->top)));
	json_object_set_new(shown, "size", json_integer(w->size));
	json_object_set_new(shown, "accepted", show_counter(counter_read(&w->accepted)));
	json_object_set_new(shown, "replay_old", show_counter(counter_read(&w->old)));
	json_object_set_new(shown, "replay_seen", show_counter(counter_read(&w->seen)));
	return shown;
}

static json_t *windows(const struct sa *sa)
{
	const struct window_table *table = sa->in->windows;
	unsigned used = atomic_load_explicit(&table->used, memory_order_relaxed);
	json_t *list = json_array();

	for (uint32_t i = 0; i <= table->mask && json_array_size(list) < WINDOWS_SHOWN; i++) {
		uint64_t claim = atomic_load_explicit(&table->slot[i].claim, memory_order_acquire);

		if (claim != 0)
			json_array_append_new(list, window(sa, &table->slot[i], claim));
	}
	return json_pack("{s:i, s:I, s:I, s:o}", "used", (int)used, "max", (json_int_t)table->max,
		"size", (json_int_t)table->window_size, "list", list);
}

static void show_in(const struct gateway *gateway, const struct sa *sa, json_t *shown)
{
	uint64_t drops[DROP_SA_END] = {0};
	uint64_t packets = 0;
	uint64_t octets = 0;
	json_t *lanes = json_array();

	for (unsigned i = 0; i < gateway->dp->workers; i++) {
		const struct sa_in_lane *lane = &sa->in->lane[i];
		uint64_t accepted = counter_read(&lane->packets);
		uint64_t handed = counter_read(&lane->handed_over);

		packets += accepted;
		octets += counter_read(&lane->octets);
		for (unsigned j = 0; j < DROP_SA_END; j++)
			drops[j] += counter_read(&lane->drops[j]);
		if (accepted != 0 || handed != 0)
			json_array_append_new(lanes,
				json_pack("{s:i, s:I, s:I, s:I}", "worker", (int)i, "packets",
					(json_int_t)accepted, "octets",
					(json_int_t)counter_read(&lane->octets), "handed_over",
					(json_int_t)handed));
	}
	json_object_set_new(shown, "packets", show_counter(packets));
	json_object_set_new(shown, "octets", show_counter(octets));
	json_object_set_new(shown, "drops", show_drops(drops, DROP_SA_END));
	json_object_set_new(shown, "lanes", lanes);
	json_object_set_new(shown, "windows", windows(sa));
}

static json_t *one(const struct gateway *gateway, const struct sa *sa)
{
	json_t *shown = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:b}", "name",
		sa->name, "tunnel", sa->tunnel->name, "direction", sa->inbound ? "in" : "out",
		"protocol", sa->params.proto->name, "spi", (json_int_t)sa->params.spi, "algorithm",
		aead_name(sa->params.algorithm), "engine", sa->key->engine->name, "local",
		show_addr(&sa->params.local), "remote", show_addr(&sa->params.remote), "esn",
		(int)sa->params.esn);

	if (has_window_ids(sa))
		json_object_set_new(shown, "sender_id", json_integer(sa->params.sender_id));
	json_object_set_new(shown, "owner", json_string(gateway->owners.owner[sa->owner].name));
	json_object_set_new(
		shown, "age_s", json_integer((json_int_t)(limiter_now_ms() - sa->born_ms) / 1000));
	show_lifetimes(gateway, sa, shown);
	if (sa->body->expired)
		json_object_set_new(shown, "expired", json_true());
	if (sa->inbound)
		show_in(gateway, sa, shown);
	else
		show_out(gateway, sa, shown);
	return shown;
}

// The place of the first SA with a larger serial.
static unsigned place_behind(const struct gateway *gateway, uint64_t serial)
{
	unsigned low = 0, high = gateway->sas;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (gateway->sa[middle]->serial > serial)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool is_meant(const struct sa *sa, const char *name)
{
	return sa->published &&
		(!name || strcmp(name, sa->name) == 0 || strcmp(name, sa->tunnel->name) == 0);
}

static size_t rows_of(const json_t *shown)
{
	return 1 + json_array_size(json_object_get(json_object_get(shown, "windows"), "list"));
}

json_t *show_sas(const struct gateway *gateway, const json_t *arguments,
	json_t *(*show)(const struct gateway *gateway, const struct sa *sa), json_t **more,
	struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "name"));
	json_int_t after = json_integer_value(json_object_get(arguments, "after"));
	unsigned at = after > 0 ? place_behind(gateway, (uint64_t)after) : 0;
	json_t *list = json_array();
	size_t rows = 0;

	*more = NULL;
	for (; at < gateway->sas && rows < SHOW_ROWS; at++) {
		json_t *shown;

		if (!is_meant(gateway->sa[at], name))
			continue;
		shown = show(gateway, gateway->sa[at]);
		rows += rows_of(shown);
		json_array_append_new(list, shown);
	}
	if (at < gateway->sas)
		*more = json_integer((json_int_t)gateway->sa[at - 1]->serial);
	if (!name || after > 0 || json_array_size(list) > 0)
		return list;
	json_decref(list);
	error_set(err, ENOENT, "there is no SA or tunnel \"%.64s\"", name);
	return NULL;
}

int show_sa(struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	json_t *more;
	json_t *list = show_sas(gateway, arguments, one, &more, err);

	if (!list)
		return -ENOENT;
	*result = json_pack(
		"{s:o, s:o, s:o*}", "sas", list, "replay_pool", show_pool(gateway), "more", more);
	return *result ? 0 : error_set(err, ENOMEM, "show-sa: no memory");
}
