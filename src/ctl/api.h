// The control socket's language: one JSON object a line in each direction. A request is
//   {"vped": 1, "id": ANY, "request": "show-sa", "arguments": {...}}
// and its answer
//   {"vped": 1, "id": SAME, "result": {...}}   or   {"vped": 1, "id": SAME, "error": {"text":
//   "..."}}
// where "id" and "arguments" may be left out. Shared by the daemon and vpectl.
#pragma once

#define API_VERSION 1
#define API_LINE_MAX 65536 // octets of a request, newline included
#define API_SOCKET_DEFAULT "/run/vped/vped.sock"

#define API_SHOW_STATS "show-stats"
#define API_SHOW_SA "show-sa"
#define API_SHOW_POLICY "show-policy"
#define API_SHOW_PORTS "show-ports"
#define API_SHOW_WORKERS "show-workers"
