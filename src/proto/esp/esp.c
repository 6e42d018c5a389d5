// ESP as a row in the table of protocols.
#include "proto/esp/esp.h"

#include "proto/esp/esp_hdr.h"
#include "proto/lane.h"

#include <errno.h>

static int check(const struct sa_params *params, bool inbound, struct error *err)
{
	if (params->spi <= ESP_SPI_RESERVED)
		return error_set(err, EINVAL,
			"spi %u is reserved (RFC 4303 section 2.1); 256 or above is allowed",
			params->spi);
	if (inbound && params->spi < SA_ESP_SPI_MIN)
		return error_set(err, EINVAL,
			"spi 0x%x: inbound ESP SPIs are 0x%x or above, "
			"smaller ones are VPE's on the wire",
			params->spi, SA_ESP_SPI_MIN);
	if (params->sender_id != 0)
		return error_set(err, EINVAL, "sender_id is VPE's, ESP has none");
	return 0;
}

static uint16_t max_inner(bool outer_ipv6, uint16_t mtu)
{
	uint32_t overhead = outer_octets(outer_ipv6) + ESP_PAYLOAD + ESP_ICV_OCTETS;

	if (mtu < overhead + ESP_ALIGN)
		return 0;
	return (uint16_t)((mtu - overhead) / ESP_ALIGN * ESP_ALIGN - ESP_TRAILER);
}

static uint64_t first_seq(uint64_t unix_ns)
{
	(void)unix_ns;
	return 1;
}

static uint32_t window_of(const uint8_t *header)
{
	(void)header;
	return ESP_WINDOW;
}

static uint64_t last_seq(bool esn)
{
	return esn ? UINT64_MAX - 1 : UINT32_MAX;
}

static bool sent_lately(
	const struct sa_out *sa, uint16_t lanes, const uint8_t *header, uint32_t octets)
{
	(void)lanes;
	(void)octets;
	return load_be32(header + ESP_SPI) == sa->spi &&
		lane_sent_lately(&sa->lane[sa->owner], load_be32(header + ESP_SEQUENCE), UINT32_MAX,
			LANE_LATELY);
}

const struct proto_ops esp_ops = {
	.name = "esp",
	.ip_protocol = IP_PROTOCOL_ESP,
	.default_claim = true,
	.spi_offset = ESP_SPI,
	.seq_offset = ESP_SEQUENCE,
	.seq_octets = 4,
	.one_encryptor = true,
	.has_salt = true,
	.check = check,
	.max_inner = max_inner,
	.sent_lately = sent_lately,
	.first_seq = first_seq,
	.window_of = window_of,
	.last_seq = last_seq,
	.encap = esp_encap,
	.decap = esp_decap,
	.finish = esp_finish,
	.commit = esp_commit,
};
