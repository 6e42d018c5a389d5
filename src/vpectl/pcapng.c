// The three blocks of pcapng that a capture needs, in this machine's byte order.
#include "vpectl/pcapng.h"

#include <string.h>

#define SECTION_HEADER 0x0a0d0d0a
#define INTERFACE_DESCRIPTION 1
#define ENHANCED_PACKET 6
#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define LINKTYPE_ETHERNET 1

#define OPTION_END 0
#define SECTION_USER_APPLICATION 4
#define INTERFACE_NAME 2
#define INTERFACE_TIME_RESOLUTION 9
#define PACKET_FLAGS 2
#define PACKET_INBOUND 1
#define PACKET_OUTBOUND 2

#define FRAME_OCTETS 12 // type and length in front, length behind
#define OPTION_OCTETS 4 // kind and length in front

struct option {
	uint16_t kind;
	uint16_t octets;
	const void *value;
};

static uint32_t padded(uint32_t octets)
{
	return (octets + 3) & ~3u;
}

static bool put(FILE *file, const void *data, uint32_t octets)
{
	static const uint8_t zeros[4];

	return fwrite(data, 1, octets, file) == octets &&
		fwrite(zeros, 1, padded(octets) - octets, file) == padded(octets) - octets;
}

static bool put_option(FILE *file, const struct option *option)
{
	uint16_t head[2] = {option->kind, option->octets};

	return put(file, head, sizeof(head)) && put(file, option->value, option->octets);
}

// A block of fixed fields, data, options.
static bool put_block(FILE *file, uint32_t type, const void *fields, uint32_t fields_octets,
	const void *data, uint32_t data_octets, const struct option *options, unsigned n)
{
	static const struct option end = {.kind = OPTION_END, .value = ""};
	uint32_t octets = FRAME_OCTETS + fields_octets + padded(data_octets) + OPTION_OCTETS;
	bool good;

	for (unsigned i = 0; i < n; i++)
		octets += OPTION_OCTETS + padded(options[i].octets);
	good = put(file, &type, sizeof(type)) && put(file, &octets, sizeof(octets)) &&
		put(file, fields, fields_octets) && put(file, data, data_octets);
	for (unsigned i = 0; i < n; i++)
		good = good && put_option(file, &options[i]);
	return good && put_option(file, &end) && put(file, &octets, sizeof(octets));
}

bool pcapng_begin(FILE *file, const char *program)
{
	const struct {
		uint32_t magic;
		uint16_t major;
		uint16_t minor;
		int32_t octets[2]; // -1: not told
	} fields = {BYTE_ORDER_MAGIC, 1, 0, {-1, -1}};
	const struct option options[] = {
		{SECTION_USER_APPLICATION, (uint16_t)strlen(program), program}};

	return put_block(file, SECTION_HEADER, &fields, sizeof(fields), "", 0, options, 1);
}

bool pcapng_interface(FILE *file, const char *name, uint32_t snap)
{
	static const uint8_t nanoseconds = 9;
	const struct {
		uint16_t link;
		uint16_t reserved;
		uint32_t snap;
	} fields = {LINKTYPE_ETHERNET, 0, snap};
	const struct option options[] = {
		{INTERFACE_NAME, (uint16_t)strlen(name), name},
		{INTERFACE_TIME_RESOLUTION, sizeof(nanoseconds), &nanoseconds},
	};

	return put_block(file, INTERFACE_DESCRIPTION, &fields, sizeof(fields), "", 0, options, 2);
}

bool pcapng_frame(FILE *file, const struct pcapng_frame *frame)
{
	const uint32_t fields[] = {frame->interface, (uint32_t)(frame->unix_ns >> 32),
		(uint32_t)frame->unix_ns, frame->kept, frame->octets};
	uint32_t flags = frame->out ? PACKET_OUTBOUND : PACKET_INBOUND;
	const struct option options[] = {{PACKET_FLAGS, sizeof(flags), &flags}};

	return put_block(file, ENHANCED_PACKET, fields, sizeof(fields), frame->data, frame->kept,
		options, 1);
}
