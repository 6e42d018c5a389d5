// Requests that change SAs. An SA of a tunnel is named by its direction and SPI.
#include "base/secret.h"
#include "ctl/api.h"
#include "ctl/change_arguments.h"
#include "ctl/change_requests.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"
#include "ctl/live.h"
#include "ctl/show_lifetimes.h"
#include "ctl/spi.h"
#include "ctl/used_keys.h"

#include <errno.h>
#include <string.h>

static const char *direction_name(bool inbound)
{
	return inbound ? "in" : "out";
}

static bool same_key(const struct config_sa *a, const struct config_sa *b)
{
	return memcmp(a->fingerprint, b->fingerprint, FINGERPRINT_OCTETS) == 0;
}

// A configuration's salt is wiped when the SA is made.
static bool same_salt(const struct config_sa *a, const struct config_sa *b)
{
	const struct sa_params *left = a->live ? &a->live->params : &a->params;
	const struct sa_params *right = b->live ? &b->live->params : &b->params;

	uint8_t differ = 0;

	for (unsigned i = 0; i < sizeof(left->salt); i++)
		differ |= left->salt[i] ^ right->salt[i];
	return differ == 0;
}

bool change_sa_equal(const struct config_sa *a, const struct config_sa *b)
{
	return same_key(a, b) && a->params.journaled == b->params.journaled &&
		a->params.proto == b->params.proto && a->params.spi == b->params.spi &&
		a->params.algorithm == b->params.algorithm && a->params.esn == b->params.esn &&
		a->params.sender_id == b->params.sender_id &&
		a->params.replay_window == b->params.replay_window &&
		a->params.windows == b->params.windows && same_salt(a, b) &&
		ip_addr_equal(&a->params.local, &b->params.local) &&
		ip_addr_equal(&a->params.remote, &b->params.remote) &&
		memcmp(&a->params.class, &b->params.class, sizeof(a->params.class)) == 0;
}

// A sender has counters of its own, and the journal knows them by its name.
static bool same_counters(const struct config_sa *a, const struct config_sa *b)
{
	return !a->params.journaled || a->params.sender_id == b->params.sender_id;
}

// b may go on where a stands.
static bool may_follow(const struct config_sa *a, const struct config_sa *b)
{
	return same_key(a, b) && a->inbound == b->inbound &&
		a->params.journaled == b->params.journaled && a->params.proto == b->params.proto &&
		a->params.algorithm == b->params.algorithm && a->params.esn == b->params.esn &&
		a->params.replay_window == b->params.replay_window &&
		a->params.windows == b->params.windows && same_salt(a, b) && same_counters(a, b);
}

int change_sa_live(const struct change *change, const struct config_tunnel *tunnel,
	struct config_sa *sa, const struct config_sa *before, struct error *err)
{
	if (before && may_follow(before, sa))
		return live_sa_move(change->gateway, tunnel, sa, before->live, err);
	if (before)
		return error_set(err, EEXIST,
			"this key is in use with another protocol, algorithm, direction, window, "
			"'manual_keys' or, if it is in the journal, 'sender_id': the SA of tunnel "
			"'%s' needs a key of its own",
			tunnel->name);
	if (used_keys_has(change->gateway->used_keys, sa->fingerprint))
		return error_set(err, EEXIST,
			"this key was in use since the daemon started, and does not come back; "
			"make a new one");
	return live_sa(change->gateway, tunnel, sa, sa->inbound, err);
}

// What the tunnel says where the request does not.
static int complete(const struct config_tunnel *tunnel, struct sa_request *asked, struct error *err)
{
	struct sa_params *params = &asked->sa.params;

	if (params->local.family == IP_NONE)
		params->local = tunnel->local;
	if (params->remote.family == IP_NONE)
		params->remote = tunnel->remote;
	params->class = tunnel->class;
	if (params->local.family != params->remote.family)
		return error_set(err, EINVAL,
			"'remote' is an IPv%u address and 'local' an IPv%u address; both are of "
			"one family",
			params->remote.family, params->local.family);
	return params->proto->check(params, asked->sa.inbound, err);
}

static int put_in(struct config_tunnel *tunnel, const struct config_sa *sa, struct error *err)
{
	if (tunnel->in_n == CONFIG_TUNNEL_INBOUND_MAX)
		return error_set(err, ENOSPC,
			"tunnel '%s' has %d inbound SAs; delete those that peers have left",
			tunnel->name, CONFIG_TUNNEL_INBOUND_MAX);
	tunnel->in[tunnel->in_n++] = *sa;
	return 0;
}

static int install(const struct change *change, struct config_tunnel *tunnel, struct config_sa *sa,
	struct error *err)
{
	const struct config_sa *before =
		tunnel->has_out && same_key(&tunnel->out, sa) ? &tunnel->out : NULL;
	int ret;

	if (sa->inbound && tunnel->in_n == CONFIG_TUNNEL_INBOUND_MAX)
		return put_in(tunnel, sa, err);
	ret = spi_may_use(change->gateway, &sa->params, change->owner, err);
	if (ret == 0)
		ret = change_sa_live(change, tunnel, sa, sa->inbound ? NULL : before, err);
	if (ret < 0)
		return ret;
	if (sa->inbound)
		return put_in(tunnel, sa, err);
	tunnel->out = *sa;
	tunnel->has_out = true;
	return 0;
}

static json_t *result_of(const struct config_sa *sa, bool changed)
{
	return json_pack("{s:s, s:I, s:b}", "direction", direction_name(sa->inbound), "spi",
		(json_int_t)sa->params.spi, "changed", (int)changed);
}

static bool same_limits(const struct config_sa *a, const struct config_sa *b)
{
	return memcmp(&a->soft, &b->soft, sizeof(a->soft)) == 0 &&
		memcmp(&a->hard, &b->hard, sizeof(a->hard)) == 0;
}

static int add(struct change *change, const json_t *arguments, struct sa_request *asked,
	json_t **result, struct error *err)
{
	struct config_tunnel *tunnel;
	struct config_sa *there;
	int ret = change_read(change, arguments, &sa_request_settings, asked, err);

	if (ret < 0)
		return ret;
	tunnel = change_tunnel(change, asked->tunnel, err);
	if (!tunnel)
		return -ENOENT;
	ret = change_may(change, tunnel->owner, "tunnel", tunnel->name, err);
	if (ret == 0)
		ret = complete(tunnel, asked, err);
	if (ret < 0)
		return ret;
	there = change_find_sa(tunnel, asked->sa.inbound, asked->sa.params.spi);
	if (there && change_sa_equal(there, &asked->sa) && same_limits(there, &asked->sa)) {
		change->extent = CHANGE_NONE;
		*result = result_of(there, false);
		return 0;
	}
	if (there)
		return error_set(err, EEXIST,
			"tunnel '%s' has an SA \"%s\" with SPI 0x%x and another key or parameters; "
			"delete it, or take another SPI",
			tunnel->name, direction_name(asked->sa.inbound), asked->sa.params.spi);
	change_made(change, tunnel);
	ret = install(change, tunnel, &asked->sa, err);
	if (ret == 0)
		*result = result_of(&asked->sa, true);
	return ret;
}

int change_add_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	struct sa_request asked = {.sa.owner = change->owner};
	int ret = add(change, arguments, &asked, result, err);

	secret_free(asked.sa.key);
	secret_wipe(asked.sa.params.salt, sizeof(asked.sa.params.salt));
	return ret;
}

static int no_sa(const struct config_tunnel *tunnel, bool inbound, struct error *err)
{
	return error_set(err, ENOENT, "tunnel '%s' has no SA \"%s\" to take the place of; add one",
		tunnel->name, direction_name(inbound));
}

static void inherit(json_t *arguments, const char *name, json_t *value)
{
	if (json_object_get(arguments, name))
		json_decref(value);
	else
		json_object_set_new(arguments, name, value);
}

static json_t *address(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT];

	return json_string(ip_addr_format(addr, text));
}

static void inherit_all(json_t *arguments, const struct config_sa *from, uint16_t owner)
{
	const struct sa_params *params = &from->params;

	inherit(arguments, "protocol", json_string(params->proto->name));
	inherit(arguments, "algorithm", json_string(aead_name(params->algorithm)));
	inherit(arguments, "local", address(&params->local));
	inherit(arguments, "remote", address(&params->remote));
	if (params->proto->one_encryptor)
		inherit(arguments, "esn", json_boolean(params->esn));
	else
		inherit(arguments, "sender_id", json_integer(params->sender_id));
	if (from->inbound)
		inherit(arguments, "replay_window", json_integer(params->replay_window));
	if (from->inbound && !params->proto->one_encryptor)
		inherit(arguments, "windows", json_integer(params->windows));
	// Without limits: an empty group, no lifetime.
	inherit(arguments, "soft_lifetime", show_limits(&from->soft));
	inherit(arguments, "hard_lifetime", show_limits(&from->hard));
	if (owner <= OWNER_OPERATOR)
		inherit(arguments, "manual_keys",
			json_string(params->journaled ? "journaled" : "fresh-each-start"));
}

// An SA like the newest of its direction, with another key: inbound beside it, outbound in its
// place.
int change_rekey_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const char *direction = json_string_value(json_object_get(arguments, "direction"));
	struct config_tunnel *tunnel =
		change_tunnel(change, json_string_value(json_object_get(arguments, "tunnel")), err);
	bool inbound = direction && strcmp(direction, "in") == 0;
	json_t *whole;
	bool of_file;
	int ret;

	if (!tunnel)
		return -ENOENT;
	if (inbound ? tunnel->in_n == 0 : !tunnel->has_out)
		return no_sa(tunnel, inbound, err);
	whole = json_copy((json_t *)(uintptr_t)arguments);
	if (!whole)
		return error_set(err, ENOMEM, "no memory");
	of_file = tunnel->owner == OWNER_FILE;
	inherit_all(whole, inbound ? &tunnel->in[tunnel->in_n - 1] : &tunnel->out, change->owner);
	ret = change_add_sa(change, whole, result, err);
	json_decref(whole);
	// The file still names the key before, unless somebody writes the new one there.
	if (ret == 0 && of_file)
		json_object_set_new(*result, "until", json_string("restart"));
	return ret;
}

// The SA that tunnel, direction and spi name; *sa is NULL where the tunnel has none. -ENOENT: there
// is no such tunnel.
static int find(const struct change *change, const json_t *arguments, struct config_tunnel **tunnel,
	struct config_sa **sa, struct error *err)
{
	const char *direction = json_string_value(json_object_get(arguments, "direction"));
	json_int_t spi = json_integer_value(json_object_get(arguments, "spi"));
	bool inbound;

	*sa = NULL;
	*tunnel =
		change_tunnel(change, json_string_value(json_object_get(arguments, "tunnel")), err);
	if (!*tunnel)
		return -ENOENT;
	if (!direction || (strcmp(direction, "in") != 0 && strcmp(direction, "out") != 0))
		return error_set(err, EINVAL, "'direction' is missing or not \"in\" or \"out\"");
	if (spi < 1 || spi > UINT32_MAX)
		return error_set(err, EINVAL, "'spi' is missing or not between 0x1 and 0xffffffff");
	inbound = strcmp(direction, "in") == 0;
	*sa = change_find_sa(*tunnel, inbound, (uint32_t)spi);
	if (!*sa)
		return 0;
	return change_may(change, (*sa)->owner, "the SA of tunnel", (*tunnel)->name, err);
}

static int new_address(
	const json_t *arguments, const char *name, struct ip_addr *addr, struct error *err)
{
	const char *text = json_string_value(json_object_get(arguments, name));

	if (!text)
		return 0;
	if (ip_addr_parse(text, addr) < 0 || tunnel_end_wrong(addr))
		return error_set(err, EINVAL,
			"'%s' is no address that a tunnel can end at; a unicast address that is "
			"routed is wanted",
			name);
	return 0;
}

// A peer has moved: the outer addresses are others, key and counters stay.
int change_update_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	struct config_tunnel *tunnel;
	struct config_sa *sa, moved;
	int ret = find(change, arguments, &tunnel, &sa, err);

	if (ret < 0)
		return ret;
	if (!sa)
		return error_set(err, ENOENT, "tunnel '%s' has no such SA", tunnel->name);
	moved = *sa;
	ret = new_address(arguments, "local", &moved.params.local, err);
	if (ret == 0)
		ret = new_address(arguments, "remote", &moved.params.remote, err);
	if (ret == 0 && moved.params.local.family != moved.params.remote.family)
		ret = error_set(err, EINVAL, "'local' and 'remote' are not of one family");
	if (ret < 0)
		return ret;
	change->extent = CHANGE_NONE;
	*result = result_of(sa, !change_sa_equal(sa, &moved));
	if (change_sa_equal(sa, &moved))
		return 0;
	change_made(change, tunnel);
	ret = change_sa_live(change, tunnel, &moved, sa, err);
	if (ret == 0)
		*sa = moved;
	return ret;
}

int change_del_sa(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	struct config_tunnel *tunnel;
	struct config_sa *sa;
	int ret = find(change, arguments, &tunnel, &sa, err);

	if (ret < 0)
		return ret;
	change->extent = sa ? CHANGE_LESS : CHANGE_NONE;
	*result = json_pack("{s:i}", "deleted", sa ? 1 : 0);
	if (sa)
		change_remove_sa(tunnel, sa);
	return 0;
}
