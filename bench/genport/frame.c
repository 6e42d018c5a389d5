// The frames of a stream. Inner packets go between 10.1.0.0/16 (near) and 10.2.0.0/15 (far), or the
// same in IPv6; tunnels from 192.0.2.2 to 192.0.2.1.
#include "bench/genport/frame.h"

#include "base/bytes.h"

#define NEAR_IPV4 0x0a010101u
#define FAR_IPV4 0x0a020000u
#define PEER_IPV4 0xc0000202u
#define GATEWAY_IPV4 0xc0000201u
#define PORT_FIRST 10000
#define PORTS 50000
#define PORT_FAR 5001

#define IPV4_OCTETS 20
#define IPV6_OCTETS 40
#define PROTOCOL_IPV4 4
#define PROTOCOL_UDP 17
#define PROTOCOL_IPV6 41
#define PROTOCOL_ESP 50
#define TTL 64

const uint8_t frame_salt[4] = {0xde, 0xad, 0xbe, 0xef};

static bool is_tunnel(const struct stream_params *params)
{
	return params->kind == STREAM_ESP || params->kind == STREAM_VPE;
}

static uint16_t inner_octets(const struct stream_params *params)
{
	return (uint16_t)(params->frame_octets - ETHER_OCTETS);
}

uint16_t frame_sealed_octets(const struct stream_params *params)
{
	uint16_t octets = inner_octets(params);

	if (params->kind == STREAM_VPE)
		return octets;
	return (uint16_t)((octets + ESP_TRAILER_OCTETS + 3) & ~3); // RFC 4303 section 2.4
}

uint16_t frame_octets_on_wire(const struct stream_params *params)
{
	if (params->kind == STREAM_ESP)
		return (uint16_t)(TUNNEL_AT + ESP_HEADER_OCTETS + frame_sealed_octets(params) + 16);
	if (params->kind == STREAM_VPE)
		return (uint16_t)(TUNNEL_AT + VPE_HEADER_OCTETS + frame_sealed_octets(params));
	return params->frame_octets;
}

static uint32_t sum_words(const uint8_t *octets, unsigned n)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i += 2)
		sum += load_be16(octets + i);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum > UINT16_MAX)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)~sum;
}

static void write_ipv4(
	uint8_t *ip, uint16_t octets, uint8_t protocol, uint32_t source, uint32_t destination)
{
	memset(ip, 0, IPV4_OCTETS);
	ip[0] = 0x45;
	store_be16(ip + 2, octets);
	ip[8] = TTL;
	ip[9] = protocol;
	store_be32(ip + 12, source);
	store_be32(ip + 16, destination);
	store_be16(ip + 10, fold(sum_words(ip, IPV4_OCTETS)));
}

static void write_ipv6_address(uint8_t *address, uint32_t host)
{
	memset(address, 0, 16);
	store_be32(address, 0x20010db8);
	store_be32(address + 12, host);
}

static void write_ipv6(uint8_t *ip, uint16_t octets, uint32_t source, uint32_t destination)
{
	memset(ip, 0, IPV6_OCTETS);
	ip[0] = 0x60;
	store_be16(ip + 4, (uint16_t)(octets - IPV6_OCTETS));
	ip[6] = PROTOCOL_UDP;
	ip[7] = TTL;
	write_ipv6_address(ip + 8, source);
	write_ipv6_address(ip + 24, destination);
}

// Source port, destination port, length; the checksum, which IPv6 wants, of a payload of zeros.
static void write_udp(uint8_t *udp, uint16_t octets, uint16_t source, uint16_t destination)
{
	memset(udp, 0, octets);
	store_be16(udp, source);
	store_be16(udp + 2, destination);
	store_be16(udp + 4, octets);
}

static void write_inner(const struct stream_params *params, uint32_t flow, uint8_t *ip)
{
	uint32_t near = NEAR_IPV4 + flow / PORTS;
	uint32_t far = FAR_IPV4 + flow % params->sas;
	uint16_t near_port = (uint16_t)(PORT_FIRST + flow % PORTS);
	uint16_t octets = inner_octets(params);
	uint16_t header = params->family == 4 ? IPV4_OCTETS : IPV6_OCTETS;
	uint16_t udp_octets = (uint16_t)(octets - header);
	bool outward = params->kind == STREAM_PLAIN;
	uint8_t *udp = ip + header;

	if (outward)
		write_udp(udp, udp_octets, near_port, PORT_FAR);
	else
		write_udp(udp, udp_octets, PORT_FAR, near_port);
	if (params->family == 4) {
		write_ipv4(ip, octets, PROTOCOL_UDP, outward ? near : far, outward ? far : near);
		return;
	}
	write_ipv6(ip, octets, outward ? near : far, outward ? far : near);
	store_be16(udp + 6,
		fold(sum_words(ip + 8, 32) + PROTOCOL_UDP + udp_octets + sum_words(udp, 8)));
}

static void write_ether(const struct stream_params *params, uint8_t *frame)
{
	bool ipv6 = params->family == 6 && !is_tunnel(params);

	memcpy(frame, params->mac, 6);
	memset(frame + 6, 2, 6);
	store_be16(frame + 12, ipv6 ? 0x86dd : 0x0800);
}

static void write_esp(const struct stream_params *params, uint32_t flow, uint8_t *esp)
{
	uint16_t octets = inner_octets(params);
	uint16_t sealed = frame_sealed_octets(params);
	uint8_t pad = (uint8_t)(sealed - octets - ESP_TRAILER_OCTETS);
	uint8_t *trailer = esp + ESP_HEADER_OCTETS + octets;

	memset(esp, 0, ESP_HEADER_OCTETS);
	store_be32(esp, ESP_SPI_FIRST + flow % params->sas);
	esp[ESP_HEADER_OCTETS - 1] = 1;
	write_inner(params, flow, esp + ESP_HEADER_OCTETS);
	for (uint8_t i = 0; i < pad; i++)
		*trailer++ = (uint8_t)(i + 1);
	*trailer++ = pad;
	*trailer = params->family == 4 ? PROTOCOL_IPV4 : PROTOCOL_IPV6;
}

static void write_vpe(
	const struct stream_params *params, uint32_t flow, uint16_t window, uint8_t *vpe)
{
	uint32_t spi_le = htole32(VPE_SPI_FIRST + flow % params->sas);
	uint16_t window_le = htole16(window);

	memset(vpe, 0, VPE_HEADER_OCTETS);
	memcpy(vpe + 2, &window_le, sizeof(window_le));
	memcpy(vpe + 12, &spi_le, sizeof(spi_le));
	write_inner(params, flow, vpe + VPE_HEADER_OCTETS);
}

void frame_write(const struct stream_params *params, uint32_t flow, uint16_t window, uint8_t *frame)
{
	uint16_t outer_octets = (uint16_t)(frame_octets_on_wire(params) - ETHER_OCTETS);

	write_ether(params, frame);
	if (!is_tunnel(params)) {
		write_inner(params, flow, frame + ETHER_OCTETS);
		return;
	}
	write_ipv4(frame + ETHER_OCTETS, outer_octets, PROTOCOL_ESP, PEER_IPV4, GATEWAY_IPV4);
	if (params->kind == STREAM_ESP)
		write_esp(params, flow, frame + TUNNEL_AT);
	else
		write_vpe(params, flow, window, frame + TUNNEL_AT);
}

void frame_key(const struct stream_params *params, uint32_t sa, uint8_t *key)
{
	for (uint8_t i = 0; i < params->key_octets; i++)
		key[i] = (uint8_t)(0xa5 ^ i);
	store_be32(key, sa);
}
