// The security policy database on rte_acl: one trie per family. A policy that names ports stands in
// it twice: with its ports for whole packets, without them for fragments, whose ports are unknown.
#include "dataplane/spd.h"

#include "base/bytes.h"
#include "base/counter.h"
#include "dataplane/spd_alone.h"
#include "proto/ip_hdr.h"

#include <rte_acl.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <stdio.h>

// What a packet is looked up by, in network byte order, as rte_acl wants it.
struct key4 {
	uint8_t protocol;
	uint8_t zero[3];
	uint8_t source[4];
	uint8_t destination[4];
	uint8_t source_port[2];
	uint8_t destination_port[2];
	uint32_t fragment; // 0 or all ones
};

struct key6 {
	uint8_t protocol;
	uint8_t zero[3];
	uint8_t source[16];
	uint8_t destination[16];
	uint8_t source_port[2];
	uint8_t destination_port[2];
	uint32_t fragment;
};

// rte_acl sees an IPv6 address as four fields.
#define FIELDS4 6
#define FIELDS6 12
RTE_ACL_RULE_DEF(rule4, FIELDS4);
RTE_ACL_RULE_DEF(rule6, FIELDS6);

// clang-format off
#define FIELD(kind, octets, field, input, at) \
	{.type = RTE_ACL_FIELD_TYPE_##kind, .size = octets, .field_index = field, \
	 .input_index = input, .offset = at}
// clang-format on

static const struct rte_acl_field_def fields4[FIELDS4] = {
	FIELD(BITMASK, 1, 0, 0, offsetof(struct key4, protocol)),
	FIELD(MASK, 4, 1, 1, offsetof(struct key4, source)),
	FIELD(MASK, 4, 2, 2, offsetof(struct key4, destination)),
	FIELD(RANGE, 2, 3, 3, offsetof(struct key4, source_port)),
	FIELD(RANGE, 2, 4, 3, offsetof(struct key4, destination_port)),
	FIELD(BITMASK, 4, 5, 4, offsetof(struct key4, fragment)),
};

static const struct rte_acl_field_def fields6[FIELDS6] = {
	FIELD(BITMASK, 1, 0, 0, offsetof(struct key6, protocol)),
	FIELD(MASK, 4, 1, 1, offsetof(struct key6, source)),
	FIELD(MASK, 4, 2, 2, offsetof(struct key6, source) + 4),
	FIELD(MASK, 4, 3, 3, offsetof(struct key6, source) + 8),
	FIELD(MASK, 4, 4, 4, offsetof(struct key6, source) + 12),
	FIELD(MASK, 4, 5, 5, offsetof(struct key6, destination)),
	FIELD(MASK, 4, 6, 6, offsetof(struct key6, destination) + 4),
	FIELD(MASK, 4, 7, 7, offsetof(struct key6, destination) + 8),
	FIELD(MASK, 4, 8, 8, offsetof(struct key6, destination) + 12),
	FIELD(RANGE, 2, 9, 9, offsetof(struct key6, source_port)),
	FIELD(RANGE, 2, 10, 9, offsetof(struct key6, destination_port)),
	FIELD(BITMASK, 4, 11, 10, offsetof(struct key6, fragment)),
};

struct spd {
	struct rte_acl_ctx *acl4; // NULL: no policy of this family
	struct rte_acl_ctx *acl6;
	unsigned n;
	unsigned workers;
	unsigned hits_stride;
	uint64_t *hits; // [workers][hits_stride]; the worker writes, control reads
	bool *alone;	// by index of a policy: it decides alone
	bool some_alone;
	struct policy policy[];
};

static void fill_data(struct rte_acl_rule_data *data, const struct selector *selector,
	unsigned index, bool fragment)
{
	data->category_mask = 1;
	data->priority = RTE_ACL_MAX_PRIORITY - (int32_t)index;
	data->userdata =
		(index + 1) | (fragment && selector_names_ports(selector) ? SPD_FRAGMENT : 0);
}

static void fill_protocol(struct rte_acl_field *field, uint16_t protocol)
{
	if (protocol != SELECTOR_ANY_PROTOCOL) {
		field->value.u8 = (uint8_t)protocol;
		field->mask_range.u8 = UINT8_MAX;
	}
}

// Source and destination port and fragment mark, the last three fields of both families. A policy
// without ports has one rule for both kinds of packet.
static void fill_tail(struct rte_acl_field *field, const struct selector *selector, bool fragment)
{
	bool ports = selector_names_ports(selector);

	field[0].value.u16 = ports && !fragment ? selector->source_port.first : 0;
	field[0].mask_range.u16 = ports && !fragment ? selector->source_port.last : UINT16_MAX;
	field[1].value.u16 = ports && !fragment ? selector->destination_port.first : 0;
	field[1].mask_range.u16 = ports && !fragment ? selector->destination_port.last : UINT16_MAX;
	field[2].value.u32 = fragment ? UINT32_MAX : 0;
	field[2].mask_range.u32 = ports ? UINT32_MAX : 0;
}

static void fill_prefix(struct rte_acl_field *field, const struct ip_prefix *prefix)
{
	unsigned words = prefix->addr.family == IP_V4 ? 1 : 4;
	unsigned length = prefix->length;

	for (unsigned i = 0; i < words; i++) {
		unsigned bits = RTE_MIN(length, 32u);

		field[i].value.u32 = load_be32(prefix->addr.octets + 4 * i);
		field[i].mask_range.u32 = bits;
		length -= bits;
	}
}

static int add_rule(struct spd *spd, unsigned index, bool fragment)
{
	const struct selector *selector = &spd->policy[index].selector;

	if (selector->source.addr.family == IP_V4) {
		struct rule4 rule = {0};

		fill_data(&rule.data, selector, index, fragment);
		fill_protocol(&rule.field[0], selector->protocol);
		fill_prefix(&rule.field[1], &selector->source);
		fill_prefix(&rule.field[2], &selector->destination);
		fill_tail(&rule.field[3], selector, fragment);
		return rte_acl_add_rules(spd->acl4, (struct rte_acl_rule *)&rule, 1);
	}
	struct rule6 rule = {0};

	fill_data(&rule.data, selector, index, fragment);
	fill_protocol(&rule.field[0], selector->protocol);
	fill_prefix(&rule.field[1], &selector->source);
	fill_prefix(&rule.field[5], &selector->destination);
	fill_tail(&rule.field[9], selector, fragment);
	return rte_acl_add_rules(spd->acl6, (struct rte_acl_rule *)&rule, 1);
}

static struct rte_acl_ctx *acl_create(unsigned family, unsigned rules, int socket)
{
	static unsigned serial; // rte_acl gives the old context for a name that exists
	char name[RTE_ACL_NAMESIZE];
	struct rte_acl_param param = {
		.name = name,
		.socket_id = socket,
		.rule_size = RTE_ACL_RULE_SZ(family == IP_V4 ? FIELDS4 : FIELDS6),
		.max_rule_num = rules,
	};

	snprintf(name, sizeof(name), "spd%u-%u", family, serial++);
	return rte_acl_create(&param);
}

static int acl_build(struct rte_acl_ctx *acl, unsigned family)
{
	struct rte_acl_config config = {
		.num_categories = 1,
		.num_fields = family == IP_V4 ? FIELDS4 : FIELDS6,
	};

	memcpy(config.defs, family == IP_V4 ? fields4 : fields6,
		config.num_fields * sizeof(config.defs[0]));
	return rte_acl_build(acl, &config);
}

static int build_family(struct spd *spd, unsigned family, struct rte_acl_ctx **acl, int socket)
{
	unsigned rules = 0;
	int rc = 0;

	for (unsigned i = 0; i < spd->n; i++)
		rules += spd->policy[i].selector.source.addr.family == family ? 2 : 0;
	if (rules == 0)
		return 0;
	*acl = acl_create(family, rules, socket);
	if (*acl == NULL)
		return -rte_errno;
	for (unsigned i = 0; i < spd->n && rc == 0; i++) {
		const struct selector *selector = &spd->policy[i].selector;

		if (selector->source.addr.family != family)
			continue;
		rc = add_rule(spd, i, false);
		if (rc == 0 && selector_names_ports(selector))
			rc = add_rule(spd, i, true);
	}
	return rc != 0 ? rc : acl_build(*acl, family);
}

static int find_alone(struct spd *spd)
{
	int rc = spd_find_alone(spd->policy, spd->n, spd->alone);

	for (unsigned i = 0; i < spd->n; i++)
		spd->some_alone |= spd->alone[i];
	return rc;
}

int spd_build(const struct policy *policies, unsigned n, unsigned workers, int socket,
	struct spd **built, struct error *err)
{
	unsigned stride = RTE_ALIGN(n, CACHE_LINE / sizeof(uint64_t));
	struct spd *spd;
	int rc = -ENOMEM;

	if (n > POLICIES_MAX)
		return error_set(err, E2BIG, "%u policies; at most %u fit", n, POLICIES_MAX);
	spd = rte_zmalloc_socket(
		"spd", sizeof(*spd) + n * sizeof(spd->policy[0]), CACHE_LINE, socket);
	if (spd == NULL)
		goto failed;
	spd->n = n;
	spd->workers = workers;
	spd->hits_stride = stride;
	if (n > 0)
		memcpy(spd->policy, policies, n * sizeof(spd->policy[0]));
	spd->hits = rte_zmalloc_socket(
		"spd-hits", (size_t)workers * stride * sizeof(uint64_t), CACHE_LINE, socket);
	if (spd->hits == NULL && stride > 0)
		goto failed;
	spd->alone = rte_zmalloc_socket("spd-alone", n, CACHE_LINE, socket);
	if (spd->alone == NULL && n > 0)
		goto failed;
	rc = find_alone(spd);
	if (rc == 0)
		rc = build_family(spd, IP_V4, &spd->acl4, socket);
	if (rc == 0)
		rc = build_family(spd, IP_V6, &spd->acl6, socket);
	if (rc != 0)
		goto failed;
	*built = spd;
	return 0;
failed:
	spd_free(spd);
	return error_set(err, -rc, "building %u policies: %s", n, strerror(-rc));
}

void spd_free(struct spd *spd)
{
	if (spd == NULL)
		return;
	rte_acl_free(spd->acl4);
	rte_acl_free(spd->acl6);
	rte_free(spd->hits);
	rte_free(spd->alone);
	rte_free(spd);
}

// Ports of whole packets of protocols that have them, in the direction asked for.
static ALWAYS_INLINE void fill_ports(uint8_t *source, uint8_t *destination,
	const struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *upper = rte_pktmbuf_mtod_offset(m, const uint8_t *, packet->l4);

	if (selector_protocol_has_ports(packet->protocol) && m->data_len >= packet->l4 + 4u) {
		memcpy(source, upper, 2);
		memcpy(destination, upper + 2, 2);
	} else {
		memset(source, 0, 2);
		memset(destination, 0, 2);
	}
}

static ALWAYS_INLINE void fill_key4(struct key4 *key, const struct rte_mbuf *m,
	const struct packet *packet, enum spd_direction direction)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);

	key->protocol = packet->protocol;
	key->fragment = packet->flags & PACKET_FRAGMENT ? UINT32_MAX : 0;
	if (direction == SPD_OUT) {
		memcpy(key->source, header + IPV4_SOURCE, 4);
		memcpy(key->destination, header + IPV4_DESTINATION, 4);
		fill_ports(key->source_port, key->destination_port, m, packet);
	} else {
		memcpy(key->source, header + IPV4_DESTINATION, 4);
		memcpy(key->destination, header + IPV4_SOURCE, 4);
		fill_ports(key->destination_port, key->source_port, m, packet);
	}
}

static ALWAYS_INLINE void fill_key6(struct key6 *key, const struct rte_mbuf *m,
	const struct packet *packet, enum spd_direction direction)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);

	key->protocol = packet->protocol;
	key->fragment = packet->flags & PACKET_FRAGMENT ? UINT32_MAX : 0;
	if (direction == SPD_OUT) {
		memcpy(key->source, header + IPV6_SOURCE, 16);
		memcpy(key->destination, header + IPV6_DESTINATION, 16);
		fill_ports(key->source_port, key->destination_port, m, packet);
	} else {
		memcpy(key->source, header + IPV6_DESTINATION, 16);
		memcpy(key->destination, header + IPV6_SOURCE, 16);
		fill_ports(key->destination_port, key->source_port, m, packet);
	}
}

static void classify(struct rte_acl_ctx *acl, const uint8_t *key[], const uint16_t *index,
	uint16_t n, uint32_t result[])
{
	uint32_t found[BURST_MAX];

	if (n == 0 || acl == NULL)
		return;
	rte_acl_classify(acl, key, found, n, 1);
	for (uint16_t i = 0; i < n; i++)
		result[index[i]] = found[i];
}

void spd_lookup(const struct spd *spd, enum spd_direction direction, const struct burst *b,
	uint16_t first, uint16_t n, uint32_t result[])
{
	struct key4 key4[BURST_MAX];
	struct key6 key6[BURST_MAX];
	const uint8_t *p4[BURST_MAX];
	const uint8_t *p6[BURST_MAX];
	uint16_t index4[BURST_MAX];
	uint16_t index6[BURST_MAX];
	uint16_t n4 = 0;
	uint16_t n6 = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct packet *packet = &b->packet[first + i];

		result[i] = SPD_NO_MATCH;
		if (packet->flags & PACKET_IPV6) {
			fill_key6(&key6[n6], b->m[first + i], packet, direction);
			p6[n6] = (const uint8_t *)&key6[n6];
			index6[n6++] = i;
		} else {
			fill_key4(&key4[n4], b->m[first + i], packet, direction);
			p4[n4] = (const uint8_t *)&key4[n4];
			index4[n4++] = i;
		}
	}
	classify(spd->acl4, p4, index4, n4, result);
	classify(spd->acl6, p6, index6, n6, result);
}

const struct policy *spd_policy(const struct spd *spd, uint32_t result)
{
	return &spd->policy[result - 1];
}

unsigned spd_policies(const struct spd *spd)
{
	return spd->n;
}

bool spd_decides_alone(const struct spd *spd, uint32_t result)
{
	return spd->alone[result - 1];
}

bool spd_some_alone(const struct spd *spd)
{
	return spd->some_alone;
}

void spd_hit(struct spd *spd, uint16_t worker, uint32_t result, uint32_t n)
{
	counter_add(&spd->hits[worker * spd->hits_stride + result - 1], n);
}

uint64_t spd_hits(const struct spd *spd, unsigned index)
{
	uint64_t hits = 0;

	for (unsigned worker = 0; worker < spd->workers; worker++)
		hits += counter_read(&spd->hits[worker * spd->hits_stride + index]);
	return hits;
}
