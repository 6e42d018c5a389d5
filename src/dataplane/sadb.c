// The security association database.
#include "dataplane/sadb.h"

#include "proto/four.h"
#include "proto/ip_hdr.h"

#include <rte_malloc.h>

// A table of so many places is one of SAs whose windows no cache holds.
#define COLD_SLOTS 32768

// An open-addressed table from protocol and SPI to SAs; several SAs may share both, told apart by
// the local address. Which protocol a packet is of is told by its block, the upper half of its
// first word.
struct slot {
	alignas(32) struct sa_in *sa; // NULL: free
	uint64_t ipv4;		      // source and destination as a packet has them; IPv6: 0
	uint32_t spi;
	uint8_t proto; // index in the table of protocols
	uint8_t family;
};

struct sadb {
	const struct proto_table *protos;
	uint32_t mask;
	uint32_t n; // SAs
	uint8_t proto_of_block[UINT16_MAX + 1];
	struct sa_in **peer; // one SA for each pair of addresses; as many as slots, NULL: free
	struct slot slot[];
};

// All bits of both have a part in it, so that SPIs may be numbered as one likes.
static ALWAYS_INLINE uint32_t hash(uint32_t spi, uint32_t proto)
{
	return (uint32_t)(((uint64_t)proto << 32 | spi) * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

static uint32_t hash_pair(const uint8_t *local, const uint8_t *remote, size_t octets)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < octets; i += sizeof(uint32_t)) {
		hash = (hash ^ load_be32(local + i)) * UINT32_C(0x9e3779b1);
		hash = (hash ^ load_be32(remote + i)) * UINT32_C(0x9e3779b1);
	}
	return hash >> 7;
}

static uint32_t proto_index(const struct proto_table *protos, const struct proto_ops *proto)
{
	uint32_t i = 0;

	while (protos->proto[i] != proto)
		i++;
	return i;
}

static uint32_t default_proto(const struct proto_table *protos)
{
	uint32_t i = 0;

	while (i < protos->n - 1 && !protos->proto[i]->default_claim)
		i++;
	return i;
}

static struct slot *free_slot(struct sadb *sadb, const struct sa_in *sa, uint32_t proto)
{
	for (uint32_t i = hash(sa->spi, proto);; i++) {
		struct slot *slot = &sadb->slot[i & sadb->mask];

		if (slot->sa == NULL)
			return slot;
		if (slot->spi == sa->spi && slot->proto == proto &&
			ip_addr_equal(&slot->sa->local, &sa->local))
			return NULL;
	}
}

static void insert_peer(struct sadb *sadb, struct sa_in *sa)
{
	uint32_t i =
		hash_pair(sa->local.octets, sa->remote.octets, sa->local.family == IP_V4 ? 4 : 16);

	for (; sadb->peer[i & sadb->mask] != NULL; i++) {
		const struct sa_in *there = sadb->peer[i & sadb->mask];

		if (ip_addr_equal(&there->local, &sa->local) &&
			ip_addr_equal(&there->remote, &sa->remote))
			return;
	}
	sadb->peer[i & sadb->mask] = sa;
}

static uint64_t ipv4_pair(const uint8_t *source, const uint8_t *destination)
{
	return load_le32(source) | (uint64_t)load_le32(destination) << 32;
}

static int insert(struct sadb *sadb, struct sa_in *sa, struct error *err)
{
	uint32_t proto = proto_index(sadb->protos, sa->proto);
	struct slot *slot = free_slot(sadb, sa, proto);

	if (slot == NULL)
		return error_set(err, EEXIST, "two inbound %s SAs with SPI 0x%x and one address",
			sa->proto->name, sa->spi);
	*slot = (struct slot){
		.sa = sa, .spi = sa->spi, .proto = (uint8_t)proto, .family = sa->local.family};
	if (sa->local.family == IP_V4)
		slot->ipv4 = ipv4_pair(sa->remote.octets, sa->local.octets);
	if (sa->block >= 0)
		sadb->proto_of_block[sa->block] = (uint8_t)proto;
	insert_peer(sadb, sa);
	sadb->n++;
	return 0;
}

// The blocks that need no SA to be claimed: all of them by the default protocol, but for the one
// that another protocol's SAs have unless they say otherwise (VPE's Sender ID 0).
static void claim_blocks(struct sadb *sadb)
{
	static const struct sa_params plain;
	const struct proto_table *protos = sadb->protos;

	memset(sadb->proto_of_block, (int)default_proto(protos), sizeof(sadb->proto_of_block));
	for (unsigned i = 0; i < protos->n; i++) {
		if (protos->proto[i]->block != NULL)
			sadb->proto_of_block[protos->proto[i]->block(&plain)] = (uint8_t)i;
	}
}

static int insert_all(struct sadb *sadb, struct sa_in *const *sas, unsigned n, struct sadb **built,
	struct error *err)
{
	int rc = 0;

	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = insert(sadb, sas[i], err);
	if (rc != 0) {
		sadb_free(sadb);
		return rc;
	}
	*built = sadb;
	return 0;
}

static size_t octets_of(uint32_t slots)
{
	return sizeof(struct sadb) + (size_t)slots * (sizeof(struct slot) + sizeof(struct sa_in *));
}

int sadb_build(struct sa_in *const *sas, unsigned n, const struct proto_table *protos, int socket,
	struct sadb **built, struct error *err)
{
	uint32_t slots = (uint32_t)rte_align32pow2(RTE_MAX(2 * n, 16u));
	struct sadb *sadb = rte_zmalloc_socket("sadb", octets_of(slots), CACHE_LINE, socket);

	if (sadb == NULL)
		return error_set(err, ENOMEM, "no memory for a table of %u SAs", n);
	sadb->protos = protos;
	sadb->mask = slots - 1;
	sadb->peer = (struct sa_in **)(sadb->slot + slots);
	claim_blocks(sadb);
	return insert_all(sadb, sas, n, built, err);
}

bool sadb_has_room(const struct sadb *sadb, unsigned n)
{
	return 2 * ((size_t)sadb->n + n) <= (size_t)sadb->mask + 1;
}

int sadb_extend(const struct sadb *sadb, struct sa_in *const *sas, unsigned n, int socket,
	struct sadb **built, struct error *err)
{
	size_t octets = octets_of(sadb->mask + 1);
	struct sadb *extended = rte_malloc_socket("sadb", octets, CACHE_LINE, socket);

	if (extended == NULL)
		return error_set(err, ENOMEM, "no memory for a table of %u SAs", sadb->n + n);
	memcpy(extended, sadb, octets);
	extended->peer = (struct sa_in **)(extended->slot + extended->mask + 1);
	return insert_all(extended, sas, n, built, err);
}

void sadb_free(struct sadb *sadb)
{
	rte_free(sadb);
}

// Index of the protocol that a tunnel packet is of, by its first word; its SPI is there. PROTO_MAX:
// it is too short to tell.
static ALWAYS_INLINE uint32_t proto_of(
	const struct sadb *sadb, const uint8_t *tunnel, uint32_t octets)
{
	uint32_t index;

	if (unlikely(octets < sizeof(uint32_t)))
		return PROTO_MAX;
	index = sadb->proto_of_block[load_be16(tunnel)];
	if (unlikely(octets < sadb->protos->proto[index]->spi_offset + sizeof(uint32_t)))
		return PROTO_MAX;
	return index;
}

const struct proto_ops *sadb_proto(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4)
{
	uint32_t index = PROTO_MAX;

	if (m->data_len >= l4)
		index = proto_of(sadb, rte_pktmbuf_mtod_offset(m, const uint8_t *, l4),
			(uint32_t)m->data_len - l4);
	return index == PROTO_MAX ? NULL : sadb->protos->proto[index];
}

static ALWAYS_INLINE bool addresses_equal(
	const uint8_t *destination, const uint8_t *source, const struct sa_in *sa, size_t octets)
{
	return memcmp(destination, sa->local.octets, octets) == 0 &&
		memcmp(source, sa->remote.octets, octets) == 0;
}

static ALWAYS_INLINE bool outer_is(const struct sa_in *sa, const uint8_t *header)
{
	if (ip_version(header) != sa->local.family)
		return false;
	if (likely(sa->local.family == IP_V4))
		return addresses_equal(header + IPV4_DESTINATION, header + IPV4_SOURCE, sa, 4);
	return addresses_equal(header + IPV6_DESTINATION, header + IPV6_SOURCE, sa, 16);
}

static ALWAYS_INLINE bool slot_is_of(const struct slot *slot, const uint8_t *header)
{
	if (likely(slot->family == IP_V4))
		return ip_version(header) == 4 && load_le64(header + IPV4_SOURCE) == slot->ipv4;
	return outer_is(slot->sa, header);
}

bool sadb_has_peer(const struct sadb *sadb, const uint8_t *header)
{
	bool ipv4 = ip_version(header) == 4;
	uint32_t i = hash_pair(header + (ipv4 ? IPV4_DESTINATION : IPV6_DESTINATION),
		header + (ipv4 ? IPV4_SOURCE : IPV6_SOURCE), ipv4 ? 4 : 16);

	for (; sadb->peer[i & sadb->mask] != NULL; i++) {
		if (outer_is(sadb->peer[i & sadb->mask], header))
			return true;
	}
	return false;
}

// The next slot from number *i on with an SA of this protocol and SPI, *i the number behind it.
// NULL: there is no more.
static ALWAYS_INLINE const struct slot *next_of(
	const struct sadb *sadb, uint32_t spi, uint32_t proto, uint32_t *i)
{
	for (;;) {
		const struct slot *slot = &sadb->slot[(*i)++ & sadb->mask];

		if (slot->sa == NULL)
			return NULL;
		if (slot->spi == spi && slot->proto == proto)
			return slot;
	}
}

// *found: set where DROP_NONE comes back.
static ALWAYS_INLINE enum drop_reason find(
	const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4, const struct slot **found)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *tunnel = header + l4;
	uint32_t index = proto_of(sadb, tunnel, (uint32_t)m->data_len - l4);
	enum drop_reason reason = DROP_no_sa;
	const struct slot *slot;
	uint32_t spi, i;

	if (unlikely(index == PROTO_MAX))
		return DROP_runt;
	spi = proto_spi(sadb->protos->proto[index], tunnel);
	i = hash(spi, index);
	while ((slot = next_of(sadb, spi, index, &i)) != NULL) {
		if (likely(slot_is_of(slot, header))) {
			*found = slot;
			return DROP_NONE;
		}
		reason = DROP_sa_outer_address;
	}
	return reason;
}

const struct sa_in *sadb_find(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4)
{
	const struct slot *slot;

	return find(sadb, m, l4, &slot) == DROP_NONE ? slot->sa : NULL;
}

struct sa_in *sadb_find_elsewhere(const struct sadb *sadb, const struct rte_mbuf *m, uint16_t l4)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *tunnel = header + l4;
	uint32_t index = proto_of(sadb, tunnel, (uint32_t)m->data_len - l4);
	struct ip_addr to = ip_destination(header);
	const struct slot *slot;
	uint32_t spi, i;

	if (index == PROTO_MAX)
		return NULL;
	spi = proto_spi(sadb->protos->proto[index], tunnel);
	i = hash(spi, index);
	while ((slot = next_of(sadb, spi, index, &i)) != NULL)
		if (ip_addr_equal(&slot->sa->local, &to))
			return slot_is_of(slot, header) ? NULL : slot->sa;
	return NULL;
}

// Decryption will read the SA and count in its lanes, which lie behind it unless it was moved.
static ALWAYS_INLINE void fetch(const struct sa_in *sa)
{
	const uint8_t *memory = (const uint8_t *)sa;

	rte_prefetch0(memory);
	rte_prefetch0(memory + sizeof(*sa));
	rte_prefetch0(memory + sizeof(*sa) + CACHE_LINE);
}

// By now the SAs have come.
static void fetch_windows(struct sa_in *const sa[], uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (sa[i] == NULL)
			continue;
		rte_prefetch0(&sa[i]->windows->mask);
		rte_prefetch0((const uint8_t *)&sa[i]->windows->mask + CACHE_LINE);
	}
}

static ALWAYS_INLINE bool is_last(const struct sadb_last *last, const struct rte_mbuf *m,
	const struct packet *packet, const bool plain)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t l4 = plain ? IPV4_HEADER_MIN : packet->l4;
	const uint8_t *tunnel = header + l4;

	return last->sa != NULL && (plain || !(packet->flags & PACKET_IPV6)) &&
		m->data_len >= l4 + last->octets &&
		load_le64(header + IPV4_SOURCE) == last->addresses &&
		load_le32(tunnel + last->octets - sizeof(last->spi)) == last->spi &&
		load_le16(tunnel) == last->block;
}

// From number i on, fours of plain packets for which the same holds. Returns where they end.
static ALWAYS_INLINE unsigned skip_last(
	const struct sadb_last *last, struct rte_mbuf *const m[], unsigned i, unsigned n)
{
	const bool apart = last->octets > sizeof(last->spi); // the SPI does not stand first
	const four begin = four_of((uint32_t)last->addresses, (uint32_t)(last->addresses >> 32),
		apart ? last->block : last->spi, 0);
	const four mask = four_of(UINT32_MAX, UINT32_MAX, apart ? UINT16_MAX : UINT32_MAX, 0);
	// All that is read here is there, eight octets behind the IP header at least.
	const four least = four_same(IPV4_HEADER_MIN + RTE_MAX(last->octets, 8u));
	const four spi = four_same(last->spi);
	const size_t at = IPV4_HEADER_MIN + last->octets - sizeof(last->spi);

	for (; i + 4 <= n; i += 4) {
		const uint8_t *place[4];
		four other = {0};

		if (unlikely(four_any_negative(pkt_four_octets(m + i) - least)))
			break;
		for (unsigned k = 0; k < 4; k++) {
			const uint8_t *header = rte_pktmbuf_mtod(m[i + k], const uint8_t *);
			four here;

			memcpy(&here, header + IPV4_SOURCE, sizeof(here));
			other |= here ^ begin;
			place[k] = header + at;
		}
		other &= mask;
		if (apart)
			other |= four_load(place, 0) ^ spi;
		if (unlikely(four_any(other)))
			break;
	}
	return i;
}

static ALWAYS_INLINE void keep_last(struct sadb_last *last, const struct sadb *sadb,
	const struct slot *slot, const struct rte_mbuf *m, uint16_t l4)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t offset = sadb->protos->proto[slot->proto]->spi_offset;

	last->sa = slot->family == IP_V4 ? slot->sa : NULL;
	last->addresses = slot->ipv4;
	last->octets = offset + sizeof(last->spi);
	last->spi = load_le32(header + l4 + offset);
	last->block = load_le16(header + l4);
}

// Apart, so that the loop around it keeps its registers.
static __rte_noinline struct sa_in *look(
	const struct sadb *sadb, struct burst *b, unsigned i, struct sadb_last *last)
{
	const struct slot *slot;
	enum drop_reason reason = find(sadb, b->m[i], b->packet[i].l4, &slot);

	b->verdict[i] = (uint16_t)reason;
	if (unlikely(reason != DROP_NONE))
		return NULL;
	fetch(slot->sa);
	keep_last(last, sadb, slot, b->m[i], b->packet[i].l4);
	return slot->sa;
}

// True: all are of the SA of the first, if it has one.
static ALWAYS_INLINE bool lookup(const struct sadb *sadb, struct burst *b, struct sa_in *result[],
	struct sadb_last *kept, const bool plain)
{
	struct sadb_last last = *kept;
	unsigned n = b->n;
	bool same = n > 0;
	unsigned i = 0;

	while (i < n) {
		unsigned end = i + 1;

		if (unlikely(!is_last(&last, b->m[i], &b->packet[i], plain))) {
			same &= i == 0;
			result[i] = look(sadb, b, i, &last);
			i++;
			continue;
		}
		if (plain && i + 4 <= n)
			end = RTE_MAX(end, skip_last(&last, b->m, i, n));
		while (i < end)
			result[i++] = last.sa;
	}
	*kept = last;
	return same;
}

bool sadb_lookup(const struct sadb *sadb, struct burst *b, struct sa_in *result[],
	struct sadb_last *last, bool plain)
{
	bool one =
		plain ? lookup(sadb, b, result, last, true) : lookup(sadb, b, result, last, false);

	if (unlikely(sadb->mask >= COLD_SLOTS))
		fetch_windows(result, b->n);
	return one && result[0] != NULL;
}
