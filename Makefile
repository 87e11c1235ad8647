# A thin front: the building is Meson's, the work is in tools/. `make help` lists what there is.

PREFIX ?= /usr/local

all: ; @tools/build build

help:
	@echo 'make           builds build/seep'
	@echo 'make deps      installs the Debian packages that are missing (root or sudo)'
	@echo 'make run       watches every Go process here, or two that leak; does its own set-up'
	@echo 'make check     everything that CI runs; does its own set-up'
	@echo 'make sanitize  every test under the address and undefined behaviour sanitizers (half an hour)'
	@echo 'make bench     speed and memory, with Delve, go vet and staticcheck beside it'
	@echo 'make fuzz      each fuzz target for SECONDS (default 600)'
	@echo 'make matrix    the tests with many Go releases and every way to build'
	@echo 'make real      the tests on etcd and prometheus, as in Debian'
	@echo 'make leakprofile  proofs of leaks against Go'\''s own profile, on all programs of its tests (half an hour)'
	@echo 'make soak      a busy program in which nothing may be called leaked, for SECONDS (default 600)'
	@echo 'make tale      both leaks at one every ten seconds, watched: called within ten minutes'
	@echo 'make heap-oracle   the heap against the mark bits of Go'"'"'s collector: many releases, real servers'
	@echo 'make oracle    seep scan against the Go compiler, on large programs of others (hours, 25 GB)'
	@echo 'make replay    how often the agent errs, and how long it takes, on made-up series (minutes)'
	@echo 'make pause     what a pause costs: 1,000 of a busy server, and seep killed 1,000 times (minutes)'
	@echo 'make systemd   the agent as a service of a real systemd, in a virtual machine, as root (a quarter of an hour)'
	@echo 'make install   under PREFIX (default /usr/local), below DESTDIR if set'
	@echo 'make clean     removes what was built'

deps: ; @tools/setup

run: deps all ; @tools/demo

check: ; @tools/setup chromium chromium-driver python3-selenium prometheus openssl systemd qemu-user && tools/check

sanitize: ; @tools/setup chromium chromium-driver python3-selenium prometheus openssl systemd qemu-user && tools/check sanitize

bench: deps all ; @bench/run && bench/heap && bench/save

fuzz: deps ; @tools/fuzz --seconds $(or $(SECONDS),600)

matrix: deps all ; @tools/matrix

real: deps all ; @tools/real

leakprofile: deps all ; @tools/leakprofile

soak: deps all ; @SECONDS_OF_SOAK=$(SECONDS) tools/soak

tale: deps all ; @tools/tale

heap-oracle: deps all ; @tools/heap-oracle

oracle: deps all ; @tools/oracle

replay: deps ; @tools/replay

pause: deps all ; @tools/pause

systemd: ; @tools/systemd

install: all
	@meson configure build -Dprefix=$(PREFIX) && ninja -C build >/dev/null
	@meson install -C build --no-rebuild --quiet

clean: ; @rm -rf build build-*

.PHONY: all help deps run check sanitize bench fuzz matrix real leakprofile soak tale heap-oracle oracle replay pause systemd install clean
# `deps` comes before `all` also under make -j.
.NOTPARALLEL:
