{{- define "evergrant.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "evergrant.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "evergrant.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "evergrant.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "evergrant.selectorLabels" -}}
app.kubernetes.io/name: {{ include "evergrant.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "evergrant.labels" -}}
{{ include "evergrant.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "evergrant.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "evergrant.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "evergrant.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "evergrant.providersConfigMap" -}}
{{- .Values.providers.existingConfigMap | default (printf "%s-providers" (include "evergrant.fullname" .)) -}}
{{- end -}}

{{/* The environment that API and workers share. Arguments: root, component values. */}}
{{- define "evergrant.env" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
- name: MONGODB_URI
  valueFrom:
    secretKeyRef: { name: {{ $values.mongodb.existingSecret | quote }}, key: {{ $values.mongodb.uriKey | quote }} }
- { name: ENCRYPTION_KEYS_FILE, value: /etc/evergrant/keys/encryption-keys }
- { name: PROVIDERS_FILE, value: /etc/evergrant/providers/providers.yaml }
- { name: METRICS_HOST, value: 0.0.0.0 }
- { name: METRICS_PORT, value: "9464" }
- { name: TEMPORAL_ADDRESS, value: {{ $values.temporal.address | quote }} }
- { name: TEMPORAL_NAMESPACE, value: {{ $values.temporal.namespace | quote }} }
- { name: TEMPORAL_TASK_QUEUE, value: {{ $values.temporal.taskQueue | quote }} }
{{- with $values.temporal.uiUrl }}
- { name: TEMPORAL_UI_URL, value: {{ . | quote }} }
{{- end }}
{{- with $values.temporal.apiKey }}
{{- if .existingSecret }}
- name: TEMPORAL_API_KEY
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret | quote }}, key: {{ .key | quote }} }
{{- end }}
{{- end }}
{{- with $values.temporal.clientCertificate }}
{{- if .existingSecret }}
- { name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /etc/evergrant/temporal/tls.crt }
- { name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /etc/evergrant/temporal/tls.key }
{{- if .serverCa }}
- { name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /etc/evergrant/temporal/ca.crt }
{{- end }}
{{- end }}
{{- if .serverName }}
- { name: TEMPORAL_TLS_SERVER_NAME, value: {{ .serverName | quote }} }
{{- end }}
{{- end }}
{{- if $values.temporal.tls }}
- { name: TEMPORAL_TLS, value: "true" }
{{- end }}
{{- range $name, $value := merge (dict) .component.config $values.config }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end -}}

{{/* Secrets whose keys are environment variables. Arguments: root, secrets. */}}
{{- define "evergrant.envFrom" -}}
{{- range compact .secrets }}
- secretRef: { name: {{ . | quote }} }
{{- end }}
{{- end -}}

{{/* The pod of API and worker. Arguments: root, name (api or worker), component, command, secrets, ports. */}}
{{- define "evergrant.pod" -}}
{{- $root := .root -}}
{{- $component := .component -}}
metadata:
  labels:
    {{- include "evergrant.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
    {{- with $component.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A change of providers.yaml restarts the pods, because a process reads it once at start.
    checksum/providers: {{ $root.Values.providers.config | sha256sum }}
    {{- with $component.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "evergrant.serviceAccountName" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $component.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $component.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    seccompProfile: { type: RuntimeDefault }
  containers:
    - name: {{ .name }}
      image: {{ include "evergrant.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ .command | quote }}]
      env:
        {{- include "evergrant.env" (dict "root" $root "component" $component) | nindent 8 }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with (include "evergrant.envFrom" (dict "secrets" .secrets)) }}
      envFrom:
        {{- . | nindent 8 }}
      {{- end }}
      ports:
        {{- with .ports }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        - { name: metrics, containerPort: 9464, protocol: TCP }
      # The first start may build indexes. It takes up to 10 minutes before Kubernetes gives up.
      startupProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 120
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      # A process that answers is alive, even while MongoDB or Temporal is unreachable: a restart would not help.
      livenessProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 6
      {{- with .lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml $component.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        - { name: providers, mountPath: /etc/evergrant/providers, readOnly: true }
        - { name: keys, mountPath: /etc/evergrant/keys, readOnly: true }
        {{- if $root.Values.temporal.clientCertificate.existingSecret }}
        - { name: temporal, mountPath: /etc/evergrant/temporal, readOnly: true }
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: { medium: Memory, sizeLimit: 64Mi }
    - name: providers
      configMap: { name: {{ include "evergrant.providersConfigMap" $root }} }
    - name: keys
      secret:
        secretName: {{ $root.Values.encryption.existingSecret | quote }}
        defaultMode: 0440
        items: [{ key: {{ $root.Values.encryption.key | quote }}, path: encryption-keys }]
    {{- with $root.Values.temporal.clientCertificate.existingSecret }}
    - name: temporal
      secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
    {{- end }}
  {{- with $component.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $component.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $component.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if $component.topologySpreadConstraints }}
    {{- toYaml $component.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "evergrant.selectorLabels" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.name }}
    {{- end }}
    {{- end }}
{{- end -}}
