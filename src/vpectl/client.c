// A blocking Unix socket with a timeout.
#include "vpectl/client.h"

#include "ctl/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 10
#define ANSWER_MAX (32 * 1024 * 1024)

static int no_daemon(const char *path, int errnum, struct error *err)
{
	const char *remedy = "";

	if (errnum == ENOENT || errnum == ECONNREFUSED)
		remedy = "; is vped running, and is this its control.socket?";
	else if (errnum == EACCES)
		remedy = "; you need to be root or in the socket's group";
	return error_set(err, errnum, "%s: %s%s", path, strerror(errnum), remedy);
}

static int open_socket(const char *path, struct error *err)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return no_daemon(path, ENAMETOOLONG, err);
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return no_daemon(path, errno, err);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
		connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = no_daemon(path, errno, err);
	close(fd);
	return ret;
}

static int send_all(int fd, const char *text, size_t octets)
{
	while (octets > 0) {
		ssize_t n = send(fd, text, octets, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		octets -= (size_t)n;
	}
	return 0;
}

// Up to and without the newline; to be freed.
static int receive_line(int fd, char **line, size_t *octets)
{
	size_t room = 65536;
	size_t used = 0;
	char *text = malloc(room);
	int ret = -ENOMEM;

	while (text && room <= ANSWER_MAX) {
		ssize_t n = recv(fd, text + used, room - used, 0);
		char *end, *grown;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ret = n == 0 ? -ECONNRESET : -errno;
			break;
		}
		end = memchr(text + used, '\n', (size_t)n);
		used += (size_t)n;
		if (end) {
			*line = text;
			*octets = (size_t)(end - text);
			return 0;
		}
		if (used < room)
			continue;
		room *= 2;
		grown = realloc(text, room);
		if (!grown)
			break;
		text = grown;
	}
	free(text);
	return ret;
}

static int judge(json_t *answer, json_t **result, struct error *err)
{
	json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "text"));

	if (text)
		return error_set(err, EREMOTEIO, "%s", text);
	if (json_integer_value(json_object_get(answer, "vped")) != API_VERSION)
		return error_set(err, EPROTO,
			"the daemon does not speak version %d of the protocol", API_VERSION);
	*result = json_incref(json_object_get(answer, "result"));
	if (!json_is_object(*result)) {
		json_decref(*result);
		return error_set(err, EPROTO, "the daemon's answer has no result");
	}
	return 0;
}

int client_request(const char *path, const char *request, json_t *arguments, json_t **result,
	struct error *err)
{
	json_t *asked = json_pack("{s:i, s:s, s:O*}", "vped", API_VERSION, "request", request,
		"arguments", arguments);
	char *line = json_dumps(asked, JSON_COMPACT);
	json_t *answer = NULL;
	char *answered = NULL;
	size_t octets = 0;
	int fd = line ? open_socket(path, err) : error_set(err, ENOMEM, "no memory");
	int ret = fd;

	if (fd < 0)
		goto out;
	ret = send_all(fd, line, strlen(line));
	if (ret == 0)
		ret = send_all(fd, "\n", 1);
	if (ret == 0 || ret == -EPIPE)
		ret = receive_line(fd, &answered, &octets);
	close(fd);
	if (ret < 0) {
		error_set(err, -ret, "%s: no answer: %s", path,
			ret == -EAGAIN ? "timeout" : strerror(-ret));
		goto out;
	}
	answer = json_loadb(answered, octets, 0, NULL);
	ret = answer ? judge(answer, result, err)
		     : error_set(err, EPROTO, "%s: the answer is not JSON", path);
out:
	free(line);
	free(answered);
	json_decref(asked);
	json_decref(answer);
	return ret;
}
