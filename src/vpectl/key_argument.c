// Octets or digits into digits. What is right for the algorithm is the daemon's to say.
#include "vpectl/key_argument.h"

#include "base/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OCTETS_MAX 1024

static int slurp(int fd, uint8_t text[OCTETS_MAX + 1], size_t *octets)
{
	*octets = 0;
	while (*octets <= OCTETS_MAX) {
		ssize_t n = read(fd, text + *octets, OCTETS_MAX + 1 - *octets);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		*octets += (size_t)n;
	}
	return -EFBIG;
}

static json_t *digits_of(const uint8_t *text, size_t octets)
{
	char made_of_octets[2 * OCTETS_MAX + 1];
	const uint8_t *digits;
	size_t n = keyfile_digits(text, octets, &digits);
	json_t *made;

	if (n > 0)
		return json_stringn((const char *)digits, n);
	for (size_t i = 0; i < octets; i++)
		snprintf(made_of_octets + 2 * i, 3, "%02x", text[i]);
	made = json_stringn(made_of_octets, 2 * octets);
	explicit_bzero(made_of_octets, sizeof(made_of_octets));
	return made;
}

// Who may read it is judged as the daemon does. What comes by standard input is nobody else's.
static int open_key(const char *file, bool is_stdin, struct error *err)
{
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return error_set(err, errno, "key file %s: %s", file, strerror(errno));
	if (!is_stdin)
		ret = keyfile_check(fd, file, err);
	if (ret == 0)
		return fd;
	close(fd);
	return ret;
}

json_t *key_argument_read(const char *file, struct error *err)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = open_key(file, is_stdin, err);
	uint8_t text[OCTETS_MAX + 1];
	json_t *key = NULL;
	size_t octets = 0;
	int ret;

	if (fd < 0)
		return NULL;
	ret = slurp(fd, text, &octets);
	if (ret == 0)
		key = digits_of(text, octets);
	if (ret < 0)
		error_set(err, -ret, "key file %s: %s", file, strerror(-ret));
	else if (!key)
		error_set(err, ENOMEM, "no memory");
	explicit_bzero(text, sizeof(text));
	if (!is_stdin)
		close(fd);
	return key;
}
