module phiwarden.dev/e2e/node/peer

go 1.26.0
