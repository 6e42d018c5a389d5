// vpebench path: the gateway's own worker code on memory ports, in cycles per packet.
#pragma once

int path_main(int argc, char **argv);
