// Reading where to listen.
#include "ctl/listen.h"

#include <errno.h>
#include <string.h>

#define PORT_DIGITS 5

static int parse_port(const char *text, uint16_t *port)
{
	uint32_t value = 0;

	if (text[0] == '\0' || strlen(text) > PORT_DIGITS)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = 10 * value + (uint32_t)(*text - '0');
	}
	if (value == 0 || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int listen_parse(const char *text, struct listen_address *parsed)
{
	bool brackets = text[0] == '[';
	const char *end = brackets ? strstr(text, "]:") : strchr(text, ':');
	char addr[IP_ADDR_TEXT];
	size_t octets;

	*parsed = (struct listen_address){.path = text[0] == '/' ? text : NULL};
	if (parsed->path)
		return strlen(text) < LISTEN_TEXT ? 0 : -EINVAL;
	if (!end)
		return -EINVAL;
	text += brackets;
	octets = (size_t)(end - text);
	if (octets >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, octets);
	addr[octets] = '\0';
	if (ip_addr_parse(addr, &parsed->addr) != 0 || brackets != (parsed->addr.family == IP_V6))
		return -EINVAL;
	return parse_port(end + 1 + brackets, &parsed->port);
}

bool listen_is_local(const struct listen_address *address)
{
	static const struct ip_addr loopback6 = {.family = IP_V6, .octets = {[15] = 1}};

	if (address->path)
		return true;
	if (address->addr.family == IP_V4)
		return address->addr.octets[0] == 127;
	return ip_addr_equal(&address->addr, &loopback6);
}
