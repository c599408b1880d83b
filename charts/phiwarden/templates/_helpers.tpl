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

{{- define "phiwarden.admissionSelector" -}}
app.kubernetes.io/name: phiwarden
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: admission
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
