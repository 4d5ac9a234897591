# postseal: the tasks of a developer. `make help` lists them.

GO ?= go
FUZZTIME ?= 30s
# Static analysis and vulnerability of the pinned tool come from go.mod's tool lines.
STATICCHECK = $(GO) tool staticcheck

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

.PHONY: build
build: ## build ./postseal, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o postseal ./cmd/postseal

.PHONY: test
test: install check e2e browser ## install what tests need, then run every test there is

.PHONY: install
install: ## install the Debian packages that e2e and browser tests use
	e2e/install

.PHONY: check
check: lint generated race ## what every commit must pass: format, vet, staticcheck, generated files, tests

.PHONY: lint
lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags e2e ./e2e/...
	$(GO) vet -tags browser ./report/...
	$(STATICCHECK) ./...

.PHONY: generate
generate: ## write the files that are made from the rules
	$(GO) run ./internal/gendocs docs

.PHONY: generated
generated: ## check that generated files are what the rules give
	@dir=$$(mktemp -d) && $(GO) run ./internal/gendocs $$dir && \
	  { diff -r docs/rules $$dir/rules && diff docs/score.md $$dir/score.md; } && rm -r $$dir || \
	  { echo "docs/rules or docs/score.md is stale: run 'make generate'"; exit 1; }

.PHONY: race
race:
	$(GO) test -race -timeout 20m ./...
	$(GO) test -count 1 -run 'TestOneAudit$$' ./cmd/postseal

.PHONY: e2e
e2e: ## the built binary against real servers, in a network namespace (needs root)
	$(GO) test -tags e2e -count 1 -timeout 10m ./e2e/...

.PHONY: browser
browser: ## the HTML report in Chromium
	$(GO) test -tags browser -count 1 -timeout 5m -run Browser ./report/...

.PHONY: picture
picture: ## render docs/report.png, the picture in README, from the demo (needs Chromium)
	@dir=$$(mktemp -d) && $(GO) run ./cmd/postseal demo --out $$dir >/dev/null && \
	  $(GO) run ./internal/picture $$dir/padaria-lua.example.html docs/report.png && rm -r $$dir

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each
	@$(GO) list ./... | while read -r pkg; do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

.PHONY: bench
bench: ## the benchmarks; ratios within one run are what counts
	$(GO) test -run '^$$' -bench . -benchmem ./...

# What releases ship besides the binary. SOURCE_DATE_EPOCH dates the manual.
OUT ?= .

.PHONY: man
man: ## write the manual pages into OUT/man
	$(GO) run ./cmd/postseal man $(OUT)/man

.PHONY: completions
completions: ## write the shell completions into OUT/completions
	@mkdir -p $(OUT)/completions
	$(GO) run ./cmd/postseal completion bash > $(OUT)/completions/postseal.bash
	$(GO) run ./cmd/postseal completion zsh > $(OUT)/completions/_postseal
	$(GO) run ./cmd/postseal completion fish > $(OUT)/completions/postseal.fish

.PHONY: release
release: ## make dist/: archives for six platforms, bills of materials, packages, checksums (TAG=v1.2.3 to hold it to a tag)
	$(GO) run ./internal/release -out dist $(if $(TAG),-tag $(TAG))

.PHONY: reproducible
reproducible: ## make the release twice, with other folders, caches, languages and zones, and compare every byte
	$(GO) run ./internal/release -reproducible -packages=false

.PHONY: release-check
release-check: ## hold the action, packages and CI templates to the binary; actionlint checks the workflows
	$(GO) test -count 1 ./packaging/...
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 .github/workflows/*.yml docs/examples/*.yml
