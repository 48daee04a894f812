# make demo    see it work: two brokers, sensor traffic, an outage, a kill, a tally (KEEP=1: leave it running)
# make test    install what the tests need, build, run all tests
# make proof   try to break it on a large scale, up to an hour (STAGES="seeds kills": some of it)
# make bench   measure: CPU against a Mosquitto bridge, drains, memory, bytes per event, wear
# make build   the release binary: .build/release/holdfast
# make deb     the Debian package, into .build/deb
# make lint    check the formatting
# make clean   remove what was built

SWIFT_FLAGS ?=
KEEP ?=
STAGES ?=
.DEFAULT_GOAL := build
.PHONY: build demo test proof bench deb lint clean packages-build packages-demo packages-deb \
  packages-test swift

swift:
	@scripts/check-swift.sh

packages-build packages-demo packages-deb packages-test: packages-%:
	@scripts/install-packages.sh $*

# The same flags as in debian/rules: one build serves both.
PATH_FLAGS = -Xswiftc -file-prefix-map -Xswiftc $(CURDIR)=. -Xcc -ffile-prefix-map=$(CURDIR)=. \
  -Xcxx -ffile-prefix-map=$(CURDIR)=.
build: swift packages-build
	swift build -c release --static-swift-stdlib $(PATH_FLAGS) $(SWIFT_FLAGS)

demo: swift packages-demo build
	@KEEP=$(KEEP) scripts/demo.sh

# Optimised, in a folder of its own: the simulation is twenty times slower in a debug build.
TEST_FLAGS = -c release --scratch-path .build-tests -Xswiftc -enable-testing $(SWIFT_FLAGS)
test: swift packages-test
	swift build --build-tests $(TEST_FLAGS)
	@scripts/test.sh $(TEST_FLAGS)

proof: swift packages-test build
	swift build --build-tests $(TEST_FLAGS)
	@scripts/proof.sh $(STAGES)

bench: swift packages-demo build
	@scripts/bench.sh

deb: swift packages-deb
	@scripts/deb.sh

lint: swift
	swift format lint --strict -r Sources Tests Tools

clean:
	rm -rf .build .build-tests
