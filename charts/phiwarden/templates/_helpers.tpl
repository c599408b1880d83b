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
