{{- define "phiwarden.serviceAccount" -}}
{{- default .Release.Name .Values.serviceAccount.name -}}
{{- end -}}

{{/* The user name under which the API server knows the controller. */}}
{{- define "phiwarden.username" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "phiwarden.serviceAccount" . }}
{{- end -}}

{{- define "phiwarden.labels" -}}
app.kubernetes.io/name: phiwarden
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "phiwarden.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}


{{/* Name of everything that the feedback webhook consists of. */}}
{{- define "phiwarden.admission" -}}
{{ .Release.Name }}-admission
{{- end -}}

{{/* API servers call webhooks in the order of these names: one that mends an object comes first. */}}
{{- define "phiwarden.feedback" -}}
zz-phiwarden-feedback
{{- end -}}

{{/* Labels that pods of a component have and no others: (list . "controller"). */}}
{{- define "phiwarden.selector" -}}
app.kubernetes.io/name: phiwarden
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* What pods of the chart have in common: who they run as, and where their image is from. */}}
{{- define "phiwarden.pod" -}}
automountServiceAccountToken: true
terminationGracePeriodSeconds: 30
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Security context of every container. */}}
{{- define "phiwarden.container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The name, or address, by which API servers call the feedback webhook. */}}
{{- define "phiwarden.admissionHost" -}}
{{- if .Values.feedback.url -}}
{{ (urlParse .Values.feedback.url).hostname }}
{{- else -}}
{{ include "phiwarden.admission" . }}.{{ .Release.Namespace }}.svc
{{- end -}}
{{- end -}}

{{- define "phiwarden.admissionEnvironment" -}}
- {name: PHIWARDEN_USERNAME, value: {{ include "phiwarden.username" . | quote }}}
- {name: PHIWARDEN_EXEMPT_GROUPS, value: {{ join "," .Values.guard.exemptGroups | quote }}}
{{- if .Values.ownRules.rules }}
- {name: PHIWARDEN_RULES, value: /etc/phiwarden/rules}
{{- end }}
{{- if .Values.feedback.certManager.enabled }}
- {name: PHIWARDEN_FEEDBACK_CERTIFICATES, value: /certificate}
{{- else }}
- {name: PHIWARDEN_FEEDBACK_HOSTS, value: {{ include "phiwarden.admissionHost" . | quote }}}
- {name: PHIWARDEN_FEEDBACK_SECRET, value: {{ .Release.Namespace }}/{{ include "phiwarden.admission" . }}-tls}
- {name: PHIWARDEN_FEEDBACK_CONFIGURATION, value: {{ include "phiwarden.feedback" . }}}
- {name: PHIWARDEN_FEEDBACK_CERTIFICATE_LIFETIME, value: {{ .Values.feedback.certificateLifetime | quote }}}
{{- end }}
{{- end -}}

{{- /* Who may write the Secrets that a store delivers, by the kind of what asks for them. */ -}}
{{- define "phiwarden.secretWriters" -}}
{{- $writers := list -}}
{{- range $kind, $user := .Values.secrets.writers -}}
{{- if $user }}{{ $writers = append $writers (printf "%s=%s" $kind $user) }}{{ end -}}
{{- end -}}
{{- join "," $writers -}}
{{- end }}
