# Makefile - build, install and test certmgr (PGXS).
#
#   make                 builds the module and the install script
#   make install         into the directories of the PostgreSQL that PG_CONFIG names (as root)
#   make test, make demo from nothing on Debian 12 or 13: install packages, build, install, run in scratch clusters
#
# Single runners: unit regress isolation tap layers. Also: bench demo-stop asan lint clean.

EXTENSION = certmgr
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" certmgr.control)
MODULE_big = certmgr

# ---- what the module is made of: every file of src/, floor by floor ----

objs = $(patsubst %.c,%.o,$(sort $(wildcard $(1:%=src/%/*.c))))

# Floors that know nothing of a server: what the unit tests are linked to.
PLAIN_OBJS = $(call objs,base crypto x509 net acme dns01)
API_OBJS = $(call objs,api)
OBJS = $(PLAIN_OBJS) $(call objs,pg store lifecycle worker) $(API_OBJS)

# ---- SQL ----

INSTALL_SQL = certmgr--$(EXTVERSION).sql
DATA_built = $(INSTALL_SQL)
DATA = $(wildcard sql/upgrade/certmgr--*--*.sql)

# ---- compiler and libraries ----

# Debian calls ldns's file ldns.pc, others libldns.pc.
LDNS_PC := $(shell pkg-config --exists libldns 2>/dev/null && echo libldns || echo ldns)
CM_PC = libcrypto libssl libcurl libpsl expat libidn2 $(LDNS_PC)
CM_CFLAGS := $(shell pkg-config --cflags $(CM_PC) 2>/dev/null)
CM_LIBS := $(shell pkg-config --libs $(CM_PC) 2>/dev/null)

CM_WARN = -Wall -Werror=implicit-function-declaration -Wextra -Wshadow -Wvla -Wmissing-prototypes $(if $(WERROR),-Werror)

PG_CPPFLAGS = -Isrc $(CM_CFLAGS)
# PostgreSQL's headers and macros (PG_FUNCTION_ARGS, initializers) are not written for all of -Wextra, nor for C99 declarations.
# PGDLLEXPORT is empty in PostgreSQL 15: with hidden visibility the entry points need it.
PG_CFLAGS = -std=gnu99 $(CM_WARN) -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	-Wno-declaration-after-statement -fvisibility=hidden '-DPGDLLEXPORT=__attribute__((visibility("default")))' -MMD -MP
SHLIB_LINK = $(CM_LIBS) -Wl,--version-script=src/certmgr.map

EXTRA_CLEAN = build $(OBJS:.o=.d) $(OBJS:.o=.bc)

# ---- which PostgreSQL: PG_CONFIG, else the newest installed in Debian's place, else the one on the PATH ----

DEBIAN_PG_CONFIG := $(shell ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -V | tail -n 1)
PG_CONFIG ?= $(or $(DEBIAN_PG_CONFIG),pg_config)
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
export PG_CONFIG

.DEFAULT_GOAL = all

ifneq ($(wildcard $(PGXS)),)

# No bitcode, so that no clang is needed; ask for it with "make with_llvm=yes".
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif
# Dependencies are made by -MMD above; PostgreSQL's own way knows a file by its base name alone.
override autodepend =

include $(PGXS)

$(OBJS): Makefile | libraries
# PostgreSQL 15 declares SQL-callable functions without PGDLLEXPORT: the top floor is not hidden, and src/certmgr.map says what is seen.
$(API_OBJS): override CFLAGS += -fvisibility=default
-include $(OBJS:.o=.d)

else

all install installdirs uninstall unit-build:
	@echo 'No PostgreSQL to build for: "$(PG_CONFIG) --pgxs" does not work.' >&2
	@echo 'Run test/packages.sh, or set PG_CONFIG to the pg_config of a PostgreSQL with its development files.' >&2
	@exit 1
clean:
	rm -rf build $(OBJS) $(OBJS:.o=.d) certmgr.so certmgr--*.sql

endif

.PHONY: libraries
libraries:
	@pkg-config --exists $(CM_PC) || { echo 'Development files are missing: $(CM_PC). Run test/packages.sh.' >&2; exit 1; }

# The parts are numbered. Written only when it changes: a part that went away is noticed too.
.PHONY: FORCE
$(INSTALL_SQL): FORCE
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION certmgr" to load this file. \quit' && \
	   for f in $(sort $(wildcard sql/extension/*.sql)); do printf '\n-- %s\n' "$$f" && cat "$$f" || exit 1; done; } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@ && echo 'wrote $@'; fi

# ---- unit tests: the plain floors and the JSON reader once more, without a server, with sanitizers ----

UNIT_DIR = build/unit
UNIT_LIB = $(UNIT_DIR)/libcertmgr.a
UNIT_OBJS = $(PLAIN_OBJS:%=$(UNIT_DIR)/%) $(UNIT_DIR)/src/pg/json.o $(UNIT_DIR)/src/pg/json_scan.o
UNIT_TESTS = $(patsubst test/unit/%.c,$(UNIT_DIR)/%,$(wildcard test/unit/test_*.c))
# Other .c files in test/unit are helpers, linked to every test.
UNIT_HELPERS = $(patsubst %.c,$(UNIT_DIR)/%.o,$(filter-out test/unit/test_%,$(wildcard test/unit/*.c)))
UNIT_SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
UNIT_CFLAGS = -std=gnu99 -g -O1 $(CM_WARN) -fvisibility=hidden $(UNIT_SANITIZE) -MMD -MP
UNIT_CPPFLAGS = -DFRONTEND -D_GNU_SOURCE -Isrc -Itest/unit $(CM_CFLAGS) -I$(shell $(PG_CONFIG) --includedir-server) -I$(shell $(PG_CONFIG) --includedir)
UNIT_LIBS = -lcmocka $(CM_LIBS) -L$(shell $(PG_CONFIG) --pkglibdir)/../lib -L$(shell $(PG_CONFIG) --libdir) -lpgcommon -lpgport -lm

ifneq ($(wildcard $(PGXS)),)
.PHONY: unit-build
unit-build: $(UNIT_TESTS)
endif

.SECONDARY: $(UNIT_OBJS) $(UNIT_HELPERS) $(UNIT_TESTS:%=%.o)

# PostgreSQL's inline functions leave parameters unused: json.c is the one file here that includes them.
$(UNIT_DIR)/src/pg/json.o $(UNIT_DIR)/src/acme/%.o: CM_WARN += -Wno-unused-parameter -Wno-sign-compare

$(UNIT_DIR)/src/%.o: src/%.c Makefile | libraries
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_CPPFLAGS) -c -o $@ $<

$(UNIT_DIR)/test/unit/%.o: test/unit/%.c Makefile | libraries
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_CPPFLAGS) -c -o $@ $<

$(UNIT_DIR)/test_%.o: test/unit/test_%.c Makefile | libraries
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(UNIT_CPPFLAGS) -c -o $@ $<

# cmocka 2 calls the names that cmocka 1 has deprecated.
$(UNIT_DIR)/test_%.o $(UNIT_DIR)/test/unit/%.o: CM_WARN += -Wno-error=deprecated-declarations

# q, not r: two floors have a certificate.o.
$(UNIT_LIB): $(UNIT_OBJS)
	rm -f $@
	ar qcs $@ $^

$(UNIT_DIR)/test_%: $(UNIT_DIR)/test_%.o $(UNIT_HELPERS) $(UNIT_LIB)
	$(CC) $(UNIT_SANITIZE) -o $@ $< $(UNIT_HELPERS) $(UNIT_LIB) $(UNIT_LIBS)

-include $(UNIT_OBJS:.o=.d) $(UNIT_HELPERS:.o=.d) $(UNIT_TESTS:%=%.d)

# ---- runners: thin names for the scripts, which install packages and call make for what they need ----

# MAKEFLAGS of this make would be taken over by the one the script calls (-j's job server, -n): let go of it.
RUN = MAKEFLAGS= MAKELEVEL=

.PHONY: test unit regress isolation tap layers asan demo demo-stop bench lint
test:
	@$(RUN) test/run.sh
unit regress isolation tap layers asan:
	@$(RUN) test/run.sh $@
demo:
	@$(RUN) test/demo/demo.sh start
demo-stop:
	@test/demo/demo.sh stop
bench:
	@$(RUN) test/bench/run.sh
lint:
	@test/layers.sh
	@if command -v shellcheck >/dev/null; then shellcheck -x -P SCRIPTDIR .ci/run $$(find test -name '*.sh') && echo 'shellcheck: nothing to say'; \
	 else echo 'shellcheck is not installed: skipped'; fi
