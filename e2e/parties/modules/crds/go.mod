module phiwarden.dev/e2e/parties/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/external-secrets/external-secrets v1.3.2
	github.com/hashicorp/vault-secrets-operator v0.10.0
	github.com/kubernetes-csi/external-snapshotter/client/v8 v8.7.0
	sigs.k8s.io/secrets-store-csi-driver v1.6.0
)
