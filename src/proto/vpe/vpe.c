// VPE as a row in the table of protocols.
#include "proto/vpe/vpe.h"

#include "proto/lane.h"
#include "proto/vpe/vpe_hdr.h"

#include <errno.h>

#define NS_PER_SECOND UINT64_C(1000000000)

// The Sender ID is the first half of the ID word; ESP has the upper half of its SPI there.
static int block(const struct sa_params *params)
{
	return __builtin_bswap16(params->sender_id);
}

static int check(const struct sa_params *params, bool inbound, struct error *err)
{
	(void)inbound;
	if (params->spi == 0)
		return error_set(err, EINVAL, "spi 0 is reserved; 1 to 0xffffffff are allowed");
	if ((params->sender_id & 0xf0) == 0xc0)
		return error_set(err, EINVAL,
			"sender_id 0x%04x: low octets 0xc0 to 0xcf are the place of ESP SPIs "
			"that key daemons allocate",
			params->sender_id);
	if (params->esn)
		return error_set(err, EINVAL,
			"esn is ESP's; VPE always sends all 64 bits of the sequence number");
	return 0;
}

static uint16_t max_inner(bool outer_ipv6, uint16_t mtu)
{
	uint32_t overhead = outer_octets(outer_ipv6) + VPE_HEADER;

	return mtu > overhead ? (uint16_t)(mtu - overhead) : 0;
}

// 2^30 numbers a second: restarts go on behind everything sent before while the clock is right.
static uint64_t first_seq(uint64_t unix_ns)
{
	uint64_t seconds = unix_ns / NS_PER_SECOND;
	uint64_t fraction = (unix_ns % NS_PER_SECOND << 30) / NS_PER_SECOND;

	return seconds < VPE_EPOCH ? 1 : ((seconds - VPE_EPOCH) << 30) + fraction + 1;
}

static uint32_t window_of(const uint8_t *header)
{
	return load_le32(header);
}

static uint64_t last_seq(bool esn)
{
	(void)esn;
	return VPE_SEQ_MAX - 1;
}

// The number's upper half is behind the eight octets that every router quotes, the SPI behind that.
static bool sent_lately(
	const struct sa_out *sa, uint16_t lanes, const uint8_t *header, uint32_t octets)
{
	bool whole = octets >= VPE_SPI;
	bool has_spi = octets >= VPE_SPI + sizeof(sa->spi);
	uint64_t seq = whole ? load_le64(header + VPE_SEQUENCE) : load_le32(header + VPE_SEQUENCE);

	if (load_le16(header + VPE_SENDER_ID) != sa->sender_id)
		return false;
	if (has_spi && load_le32(header + VPE_SPI) != sa->spi)
		return false;
	for (uint16_t i = 0; i < lanes; i++) {
		if (sa->lane[i].window_id == load_le16(header + VPE_WINDOW_ID))
			return lane_sent_lately(&sa->lane[i], seq, whole ? UINT64_MAX : UINT32_MAX,
				has_spi ? LANE_LATELY : LANE_JUST_NOW);
	}
	return false;
}

const struct proto_ops vpe_ops = {
	.name = "vpe",
	.ip_protocol = IP_PROTOCOL_ESP,
	.block = block,
	.spi_offset = VPE_SPI,
	.seq_offset = VPE_SEQUENCE,
	.seq_octets = 8,
	.little_endian = true,
	.check = check,
	.max_inner = max_inner,
	.sent_lately = sent_lately,
	.first_seq = first_seq,
	.window_of = window_of,
	.last_seq = last_seq,
	.encap = vpe_encap,
	.decap = vpe_decap,
	.finish = vpe_finish,
	.commit = vpe_commit,
};
