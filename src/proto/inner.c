// Checks of the inner datagram after authentication.
#include "proto/inner.h"

static enum drop_reason check_ipv4(
	const uint8_t *header, uint32_t octets, uint32_t *datagram_octets)
{
	uint32_t header_octets;
	uint32_t total;

	if (octets < IPV4_HEADER_MIN)
		return DROP_inner_runt;
	header_octets = ipv4_header_octets(header);
	total = load_be16(header + IPV4_TOTAL_LENGTH);
	if (header_octets < IPV4_HEADER_MIN)
		return DROP_inner_ihl;
	if (total < header_octets)
		return DROP_inner_length_short;
	if (total > octets)
		return DROP_inner_length;
	if (!checksum_ipv4_right(header, header_octets))
		return DROP_inner_checksum;
	*datagram_octets = total;
	return DROP_NONE;
}

static enum drop_reason check_ipv6(
	const uint8_t *header, uint32_t octets, uint32_t *datagram_octets)
{
	uint32_t payload;

	if (octets < IPV6_HEADER)
		return DROP_inner_runt;
	payload = load_be16(header + IPV6_PAYLOAD_LENGTH);
	if (payload == 0 && header[IPV6_NEXT_HEADER] == IP_PROTOCOL_HOP_BY_HOP)
		return DROP_inner_jumbogram;
	if (IPV6_HEADER + payload > octets)
		return DROP_inner_length;
	*datagram_octets = IPV6_HEADER + payload;
	return DROP_NONE;
}

enum drop_reason inner_check(const uint8_t *plaintext, uint32_t octets, uint32_t *datagram_octets)
{
	switch (octets == 0 ? 0 : ip_version(plaintext)) {
	case 4:
		return check_ipv4(plaintext, octets, datagram_octets);
	case 6:
		return check_ipv6(plaintext, octets, datagram_octets);
	default:
		return DROP_inner_version;
	}
}

static enum drop_reason join_ecn(uint8_t *header, uint8_t outer_class)
{
	uint8_t inner_ecn = ip_traffic_class(header) & ECN_MASK;
	uint8_t ecn = ecn_decap[inner_ecn][outer_class & ECN_MASK];

	if (unlikely(ecn == ECN_DROP))
		return DROP_ecn_not_ect_ce;
	if (unlikely(ecn != inner_ecn))
		ip_set_ecn(header, ecn);
	return DROP_NONE;
}

enum drop_reason inner_release_any(
	struct rte_mbuf *m, uint16_t head, uint32_t octets, uint8_t traffic_class)
{
	uint8_t *header = rte_pktmbuf_mtod_offset(m, uint8_t *, head);
	uint32_t datagram_octets;
	enum drop_reason reason = inner_check(header, octets, &datagram_octets);

	if (likely(reason == DROP_NONE))
		reason = join_ecn(header, traffic_class);
	if (unlikely(reason != DROP_NONE))
		return reason;
	pkt_narrow(m, head, (uint16_t)datagram_octets);
	return DROP_NONE;
}
