"""Every message a user can meet, numbered. What is wrong, where, what was expected, what to do.

Blocks: TL0xx component and CRF, TL1xx warm start and label maps, TL2xx corpora and conversion,
TL3xx optimizer, TL4xx report and command line, TL5xx measure (calibration and suggestions) and domain (vectors from
TL541, adapted checkpoints from TL551), TL6xx pretraining and, from TL620, silver corpora. A released number never
changes its meaning.
"""


class Errors:
    """Messages as templates: `ValueError(Errors.TL001.format(label=..., labels=...))`."""

    # --- TL0xx: component and CRF ---
    TL001 = (
        "[TL001] Label {label!r} cannot be used: labels must be non-empty, distinct strings. Given: {labels}. "
        "Check [initialize.components] labels or the annotation."
    )

    TL002 = "[TL002] spacy_tlner.HashWords, LookupWords: attr is {attr!r}, expected one of {expected}."
    TL003 = (
        "[TL003] spacy_tlner.BiLSTMEncoder: width must be even and at least 2, depth at least 1. "
        "Given: width {width}, depth {depth}. Half the width goes to each direction."
    )
    TL004 = (
        "[TL004] spacy_tlner.CharCNN: window must be odd and positive, rows at least 2, type_width at least 0, the "
        "rest at least 1. Given: filters {filters}, char_width {char_width}, window {window}, rows {rows}, max_chars "
        "{max_chars}, type_width {type_width}."
    )
    TL005 = (
        "[TL005] The annotation has the label {label!r}, which this component does not know (it knows: {labels}). In: "
        "{text!r} ... It is not trained as O. Add it before training: with add_label, in [initialize.components] "
        "labels, or by converting the corpus with a label map that leaves it out."
    )
    TL006 = (
        "[TL006] Component '{name}': the loss is no longer a finite number. Lower the learning rate or check "
        "that grad_clip is set."
    )
    TL007 = (
        "[TL007] Component '{name}' cannot rehearse: it kept no model to rehearse from. Call nlp.resume_training() "
        "first. Use [initialize.components] source for a warm start."
    )
    TL008 = (
        "[TL008] Component '{name}' has no labels for the head '{head}'. Expected entities in the training data, or "
        "labels in [initialize.components]. Check the path and that sentences are annotated."
    )
    TL009 = (
        "[TL009] Component '{name}' predicts with the head '{head}', but the labels given are for: {heads}. "
        "Name one of these as the component's `head`, or add labels for it."
    )
    TL010 = "[TL010] Component '{name}': labels is the text {labels!r}; expected a list of labels, or {{head: list}}."
    TL011 = (
        "[TL011] Component '{name}': {setting} is {value!r}; expected a probability, a number from 0 to 1 (or null). "
        "Set it in [components.{name}]."
    )
    TL012 = (
        "[TL012] Component '{name}': label_thresholds names {unknown}, which are no labels of it. It has: {labels}. "
        "Correct the names in [components.{name}.label_thresholds]."
    )
    TL013 = (
        "[TL013] Component '{name}': label_thresholds is set, but threshold is null, so the best tagging decides. Set "
        "threshold in [components.{name}], for labels without one of their own, or remove label_thresholds."
    )
    TL014 = (
        "[TL014] Component '{name}' has no weights yet, so it can neither predict nor learn. Call nlp.initialize() "
        "first, or load a trained pipeline."
    )
    TL015 = "[TL015] Component '{name}': the temperature is {value!r}; expected a finite number above 0."
    TL016 = (
        "[TL016] Mention {mention} cannot be asked for: the document has {length} tokens and the labels are: {labels}. "
        "Expected 0 <= start < end <= length and one of the labels."
    )
    TL017 = (
        "[TL017] Component '{name}': {setting} names {key!r}, which a config cannot spell, so that what is saved could "
        "not be loaded: a key may hold no ':', '=', '[' or ']' nor begin with '#'. Give it another name; of "
        "label_thresholds, the one `threshold` serves all labels."
    )
    TL018 = (
        "[TL018] Component '{name}': there is no head {head!r}; the labels given are for: {heads}. Name it in "
        "`labels`, or correct `heads`, {{corpus: head}}, or `span_heads` in the component's block."
    )
    TL019 = "[TL019] Component '{name}': corpus_weights.{corpus} is {weight!r}; expected a number of at least 0."
    TL020 = (
        "[TL020] The corpus {corpus!r} is said to annotate {label!r}, which this component does not know (it knows: "
        "{labels}). Correct `annotates` of the reader, or add the label: in [initialize.components] labels, or with "
        "add_label."
    )
    TL021 = (
        "[TL021] The corpus {corpus!r} is said to annotate {annotated} alone, but holds a mention of {label!r}. In: "
        "{text!r} ... Name the label in `annotates` of the reader, or convert the corpus with a label map that leaves "
        "it out."
    )
    TL022 = (
        "[TL022] {text!r} is annotated as {label} and, in spans[{key!r}], as a span that is no {label}. In: {doc!r} "
        "... Remove one of the two."
    )
    TL023 = (
        "[TL023] Component '{name}': no label can be added to the head '{head}', for the head '{reader}' reads what it "
        "says of each tag. Give all labels when the pipeline is initialized."
    )
    TL024 = (
        "[TL024] spacy_tlner.TransferTagger: private_width is {private_width}, reads is {reads}. Expected an even "
        "width of at least 0, and as reads {{head: another head}}, of which none is read that reads another itself."
    )
    TL025 = (
        "[TL025] Component '{name}': the head '{head}' is to read '{other}', but the labels given are for: {heads}. "
        "Check `reads` of the model and `heads` of the component."
    )
    TL026 = "[TL026] The weight of a document is {weight!r}; expected a number of at least 0."
    TL027 = (
        "[TL027] Component '{name}': terms.{term} is {found}, which is no transfer term. Expected a block such as "
        '@misc = "spacy_tlner.LabelAwareMMD.v1".'
    )
    TL028 = (
        "[TL028] Component '{name}': {setting} names the corpus {corpus!r}, of which there is no training document. "
        "There are: {corpora}. Corpora are named by spacy_tlner.MultiCorpus.v1."
    )
    TL029 = "[TL029] Component '{name}': a span head cannot be called 'candidates', for that span group is taken."
    TL030 = (
        "[TL030] spacy_tlner.Lexicon has no path, so no token matches anything, unless a warm start brings the entries "
        "of its source. Name a gazetteer (of the configs: --paths.lexicon), or take the layer out."
    )
    TL031 = (
        "[TL031] The gazetteer {path} cannot be read: {reason}. Expected a text file in UTF-8, or a folder of such "
        "files. It is needed when a pipeline is initialized, not when it is loaded."
    )
    TL032 = (
        "[TL032] The gazetteer {path} has {count} line(s) that cannot be used. Expected in a .jsonl file one object a "
        'line, {{"label": ..., "pattern": ...}}; in any other file a term, a tab and a category on every line, or '
        "a term alone on every line and the category as the file's name.\n{lines}"
    )
    TL033 = "[TL033] The gazetteer {path} has no entry. Expected a term on at least one line; check the path."
    TL034 = (
        "[TL034] spacy_tlner.CharLSTM: width must be even and at least 2, the rest at least 1. Given: width {width}, "
        "char_width {char_width}, rows {rows}, max_chars {max_chars}. Half the width goes to each direction."
    )
    TL035 = (
        "[TL035] spacy_tlner.WordFeatures: cannot be built as given: {given}. Expected at least one feature, prefix or "
        "suffix, numbers of at least 1, and features out of: {known}."
    )
    TL036 = (
        "[TL036] spacy_tlner.ContextFeatures: cannot be built as given: {given}. Expected width and rows of at least "
        "1, window of at least 0, orders from 1 to 2 * window + 1, and attr as one of: {known}."
    )
    TL037 = "[TL037] spacy_tlner.Lexicon: width and rows must be at least 1. Given: width {width}, rows {rows}."
    TL038 = (
        "[TL038] spacy_tlner.{name}: expected at least one part, each a layer. Given: {found}. Write a part as a block "
        "[...parts.any_name] with @architectures."
    )
    TL039 = (
        "[TL039] spacy_tlner.BiLSTMEncoder: dropout is {dropout!r}, expected standard or variational; connection is "
        "{connection!r}, expected none, residual or highway; precision is {precision!r}, expected float32 or bfloat16."
    )
    TL040 = (
        "[TL040] spacy_tlner.{name}: width and rows must be at least 1, unk_rate at least 0 (0 trains no word as "
        "unknown). Given: {given}."
    )
    TL041 = (
        "[TL041] Component '{name}' cannot rehearse: its encoder is shared, and what that was is not kept. Give the "
        "component an encoder of its own, or keep to a source with the term spacy_tlner.Distillation.v1."
    )
    TL042 = (
        "[TL042] Component '{name}': the corpora of head '{head}' differ in their labels: {corpus} has no mention of "
        "{labels}, so every token of it is learned as being none. If it does not annotate them, say so in `annotates` "
        'of spacy_tlner.MultiCorpus.v1 ({corpus} = "found"), or give it a head of its own in `heads`.'
    )
    TL043 = (
        "[TL043] Component '{name}': {cut:,} of {n:,} mentions of the training data begin or end within a token of the "
        "pipeline's tokenizer, and nothing is learned from them. Give it the corpus' tokenizer: [nlp] lang, and "
        '[nlp.tokenizer], which for some languages is another (Chinese: @tokenizers = "spacy.zh.ChineseTokenizer").'
    )
    TL045 = (
        "[TL045] spacy_tlner.LookupWords has learned no words, so every word would be unknown. It learns them from a "
        "tl_ner over it, or from spacy_tlner.PretrainBiLM; under other components use spacy_tlner.HashWords."
    )
    TL050 = (
        "[TL050] spacy_tlner.StaticWords: the vocab has no vectors. Name a pipeline that has, in [initialize] vectors; "
        "`python -m spacy tlner vectors` makes one from your own text."
    )
    TL051 = (
        "[TL051] spacy_tlner.StaticWords: the vocab's vectors have {found} dimensions, the layer was initialized with "
        "{expected}. Load the pipeline with the vectors that it was trained with, or initialize it again."
    )
    TL052 = "[TL052] spacy_tlner.StaticWords: width is {width}; expected at least 1, or null for vectors as they are."
    TL053 = (
        "[TL053] The checkpoint {name!r} cannot be loaded: {reason} Expected a folder with a Hugging Face model, or "
        "the name of one on its hub or in its cache. It is needed when a pipeline is initialized, not when one is "
        "loaded."
    )
    TL054 = (
        "[TL054] The checkpoint {name!r} cannot be an encoder: {reason}. Expected a model such as BERT, RoBERTa, XLM-R "
        "or DistilBERT, with a fast tokenizer."
    )
    TL055 = (
        "[TL055] The checkpoint {name!r} lacks weights, which would start at random: {missing}. Check that it is "
        "whole, and that its config is that of its weights."
    )
    TL056 = (
        "[TL056] The stored encoder cannot be built: {reason}. The pipeline was written by another version of "
        "transformers, or is damaged."
    )
    TL057 = "[TL057] spacy_tlner.TransformerEncoder has no weights yet: initialize the pipeline, or load a trained one."
    TL058 = "[TL058] spacy_tlner.TransformerEncoder: the checkpoint {name!r} is too small for {given}."
    TL059 = (
        "[TL059] spacy_tlner.TransformerEncoder: {wrong}. Expected window, layers and max_batch_pieces of at least 1, "
        "a stride from 1 to window, pooling first or mean, layer_decay from 0 to 1, trainable_layers of at least 0, "
        "dropout from 0 to below 1, precision float32 or bfloat16."
    )
    TL060 = (
        "[TL060] spacy_tlner.SourceMarginals has no source tagger: `source` is null, and nothing was loaded. Name a "
        "trained pipeline with a tl_ner. Only a pipeline that was stored after it was initialized needs none."
    )
    TL061 = (
        "[TL061] spacy_tlner.SourceMarginals: the source {source} cannot be used: {reason} Expected the path or "
        "package of a trained pipeline with a tl_ner."
    )
    TL062 = (
        "[TL062] spacy_tlner.SourceMarginals: wanted {wanted} 'tl_ner' component of {source}, found: {found}. Name one "
        "with `component`."
    )
    TL063 = (
        "[TL063] spacy_tlner.SourceMarginals: pipes are {pipes}; expected names of pipes that {source} runs before "
        "'{component}': {known}."
    )
    TL064 = (
        "[TL064] spacy_tlner.SourceMarginals: scale is {scale}, cache_size is {cache_size}; expected a scale above 0, "
        "and 0 or more tokens."
    )
    TL065 = (
        "[TL065] The stored source tagger cannot be built: {reason} Was the pipeline written by another version of "
        "spacy-tlner, or does the source use code that is not installed here?"
    )
    TL066 = (
        "[TL066] spacy_tlner.TransformerEncoder: nlp.rehearse has no learning rate for each layer, and layer_decay is "
        "{layer_decay}. Call the component's own rehearse(examples, sgd=optimizer), or set layer_decay to 1."
    )

    # --- TL1xx: warm start and label maps ---
    TL101 = (
        "[TL101] Component '{name}': {given} in [initialize.components] mean something only beside `source`, which is "
        "empty. Set `source` to a trained pipeline, or remove them."
    )
    TL102 = (
        "[TL102] label_map: the source has no label {label!r}. It has: {labels}. If the name holds ':', '=', a leading "
        "'#' or brackets, a config key cannot spell it: read the map from a file with spacy_tlner.read_label_map.v1."
    )
    TL103 = (
        "[TL103] label_map: {source!r} maps to {label!r}, which is not a label of this component. It has: {labels}. "
        "To leave a label out, map it to an empty string. Labels are those of the training corpus: one that is too "
        "rare for it, as may be in silver, stands in `labels` of the same block, or in no map."
    )
    TL104 = "[TL104] label_map: both {first!r} and {second!r} map to {label!r}. Expected one source label for each."
    TL105 = (
        "[TL105] Cannot read a label map from {path}: {problem}. Expected one JSON object, {{source label: our label}}."
    )
    TL106 = (
        "[TL106] Warm start from {source}: wanted {wanted} 'tl_ner' component, found: {found}. "
        "Name it in `source_component`, or check that the path is a pipeline trained with tl_ner."
    )
    TL107 = (
        "[TL107] Warm start from {source}: no layer group {group!r} on both sides. The source has: {theirs}; "
        "this component has: {ours}; 'body' means all below the heads. Check `layers`."
    )
    TL108 = (
        "[TL108] Warm start from {source}: layer group '{group}' does not fit: {what} is {theirs} in the source and "
        "{ours} here. Give both the same settings, or leave the group out of `layers`. A config without a model takes "
        "the source's encoder by `spacy_tlner.encoder_from_source.v1`, as in configs/transfer/warm_start.cfg."
    )
    TL109 = (
        "[TL109] Warm start of '{name}' from {source}: the two taggers do not read the same shared encoder "
        "('{upstream}' here). Take the encoder from the source too: in its block of [components], source = the same "
        "pipeline; or give both taggers encoders of their own."
    )
    TL110 = (
        "[TL110] Component '{name}': `{setting}` is set together with {other}, and both set the encoder's weights. "
        "Keep one of the two."
    )
    TL111 = (
        "[TL111] Component '{name}': {path} cannot be used as pretrained weights: {reason}. Expected a .bin file of "
        "`spacy tlner pretrain` or `spacy pretrain`, made with an encoder like this one."
    )
    TL112 = (
        "[TL112] Component '{name}': nothing in {path} fits this encoder. The file has: {theirs}; the encoder has: "
        "{ours}. Use the encoder's settings of the pretraining config."
    )
    TL113 = (
        "[TL113] seed_labels: {label!r}, which is to start from {source!r}, is not a label of this component. It has: "
        "{labels}. Expected {{our label: source label}}."
    )
    TL114 = (
        "[TL114] seed_labels: {label!r} is to start from {source!r}, which the source does not have. It has: {labels}. "
        "Expected {{our label: source label}}."
    )
    TL115 = (
        "[TL115] {label!r} starts from {mapped!r} by label_map and from {source!r} by seed_labels. Keep one of the two."
    )
    TL116 = (
        "[TL116] spacy_tlner.estimate_label_map: {given}. Expected a least_share from 0 to 1, a least_count of at "
        "least 0, a limit of at least 1."
    )
    TL117 = (
        "[TL117] label_map cannot be estimated: none of the {n} training documents of the active head has a mention of "
        "{labels}. Check the training data, or write the label map out."
    )
    TL118 = (
        "[TL118] Component '{name}' begins at random: `source` in [initialize.components.{name}] is empty. To start "
        "from a trained pipeline, name it: --paths.source in the configs that come with spacy-tlner."
    )
    TL119 = (
        "[TL119] Warm start of '{name}' from {source}: the source was trained over another table of word vectors than "
        "this pipeline has. Layers over it are copied all the same, which makes sense if the two tables are aligned; "
        "otherwise take the source's, with [initialize] vectors."
    )
    TL126 = (
        "[TL126] [initialize] init_tok2vec sets the weights after component '{name}' has learned the words of its "
        "training data, and makes it forget them: only words of pretraining are known then. Name the file as "
        "[initialize.components.{name}] pretrained instead, which keeps both."
    )
    TL120 = "[TL120] spacy_tlner.{term}: cannot be built as given: {given}. See its documentation for what it takes."
    TL121 = (
        "[TL121] spacy_tlner.{term}: component '{name}' has no head '{head}'; it has: {heads}. Say in the component's "
        "`heads` which corpus teaches it, {{corpus: head}}, or name another head in the term's block."
    )
    TL122 = (
        "[TL122] spacy_tlner.{term} in component '{name}' would do nothing: no label of the source's head ({theirs}) "
        "is one of the target's ({ours}). Give a label_map, {{source label: target label}}, or leave the term out."
    )

    TL123 = (
        "[TL123] A frozen source is to be asked, but no path to it is given. Name it, with --paths.source in the "
        "configs that come with spacy-tlner, or drop the term."
    )
    TL124 = (
        "[TL124] A distillation no longer knows its source, so it does nothing: the pipeline was saved without it. To "
        "go on with it, start from this pipeline by [initialize.components.tl_ner] source, with the term in the config."
    )
    TL125 = (
        "[TL125] spacy_tlner.HeadDistance: the heads '{source}' and '{target}' read inputs of another width "
        "({widths}), so their weights cannot be compared. Drop `reads` of the model, or the term."
    )

    TL127 = (
        "[TL127] The source {source} cannot be loaded: {reason} Expected the path or package of a trained pipeline "
        "with a tl_ner."
    )
    TL128 = (
        "[TL128] Warm start of '{name}' from {source}: the source's tagger reads an encoder that it shares with other "
        "pipes, this one has an encoder of its own. Give this pipeline that encoder, in a block of [components] with "
        "source = the same pipeline, and the tagger a listener; or name a source with an encoder of its own."
    )
    TL129 = (
        "[TL129] Warm start of '{name}' from {source}: this tagger reads an encoder that it shares with other pipes, "
        "the source's has one of its own. Give this tagger the encoder of the config that the source was trained with, "
        "or name a source that shares its encoder."
    )
    TL130 = (
        "[TL130] spacy_tlner.{term}: its label_map is a block that estimates one, which only a warm start can. Write "
        "it out here, {{source label: our label}}; the estimate of a warm start stands in its report and in meta.json."
    )
    TL131 = (
        "[TL131] The frozen source {source}: wanted {wanted} 'tl_ner' component, found: {found}. Name it in the term's "
        "`component`, or check that the path is a pipeline trained with tl_ner."
    )
    TL132 = (
        "[TL132] Component '{name}': the encoder of {source} reads a frozen tagger (spacy_tlner.SourceMarginals), and "
        "that pipeline no longer says where it took it from. Write the encoder out in [components.{name}.model], as "
        "configs/transfer/source_features.cfg does, with the frozen tagger's `source`."
    )
    TL133 = (
        "[TL133] Component '{name}': {given} say how heads match, but `layers` copies none ({layers}). Add 'head' and "
        "'transitions' to `layers`, or leave them out."
    )

    # --- TL2xx: corpora and conversion ---
    TL200 = "[TL200] {path} cannot be read: {reason}. Expected a text file in UTF-8 with one token a line."
    TL201 = (
        "[TL201] {path}: {count} line(s) cannot be used, so nothing was written. Expected one token a line with "
        "its tag (O, - for unknown, or B-, I-, L-, U-, E-, S- and a label), columns set apart by tabs or blanks. "
        "Correct the lines, or check --token-column, --tag-column and --scheme.\n{lines}"
    )
    TL202 = (
        "[TL202] {path} holds no sentence: no line has a token and a tag. Expected a text file with one token a "
        "line and a blank line between sentences; check that this is the right file."
    )
    TL203 = (
        "[TL203] {path}: every tag in column {column} is '-' (unknown), so there is nothing to learn. Name the "
        "column that holds the tags with --tag-column (counted from 0, or from the end with -1, -2, ...)."
    )
    TL204 = (
        "[TL204] {path} mixes tags of IOBES (E-, S-) and BILUO (L-, U-), so no scheme fits all of it. Correct the "
        "file; `--scheme` names the lines that do not belong."
    )
    TL205 = (
        "[TL205] {path}: {count} illegal transition(s) under {scheme}, refused because of --strict. Correct the "
        "lines, choose another --scheme, or leave --strict out to have them repaired and counted.\n{lines}"
    )
    TL206 = (
        "[TL206] {path} marks no documents, so --n-sents 0 (one doc a document) has nothing to go by. Expected "
        "-DOCSTART- lines (or comments `# newdoc`); give --n-sents 1 or more."
    )
    TL207 = (
        "[TL207] The label map names labels that do not occur in {path}: {missing}. Labels that occur: {labels}. "
        "Correct the left sides, take these entries out, or leave out --strict to be warned only."
    )
    TL208 = (
        "[TL208] The label map entry {entry!r} cannot be used: {reason}. Expected OLD=NEW (OLD= drops the label), "
        "several joined by commas, or the path of a .json file with an object from old to new labels."
    )
    TL209 = "[TL209] The output {path} must end in .spacy: spaCy's reader passes over every other name."
    TL210 = "[TL210] {path} cannot be written: {reason}."
    TL211 = (
        "[TL211] {path} has {width} column(s) on most lines, so token column {token_column} and tag column "
        "{tag_column} cannot both be read. Columns are counted from 0, or from the end with -1, -2, ..., and the "
        "two must differ."
    )
    TL212 = "[TL212] Language {lang!r} is not known to spaCy: {reason}. Give a code such as en, de or xx."
    TL213 = (
        "[TL213] spacy_tlner.MultiCorpus.v1 was given no corpus. Name at least one, as a block "
        "[corpora.train.corpora.my_corpus] that holds a reader."
    )
    TL214 = (
        "[TL214] {path} cannot be read as spaCy's binary corpus: {reason}. Expected a .spacy file (or a folder of "
        "them) written by `spacy convert` or `spacy tlner convert`."
    )
    TL215 = (
        "[TL215] {path} holds no document with a token, so there is nothing to work on. Check that it is the "
        "right file."
    )
    TL216 = "[TL216] n_sents is {n_sents}; expected 0 (one doc a document of the file) or a number of sentences."
    TL217 = (
        "[TL217] Corpus {name!r} of spacy_tlner.MultiCorpus.v1 is a {found}, not a reader. Give its block a reader, "
        'for example @readers = "spacy.Corpus.v1" and a path.'
    )
    TL218 = (
        "[TL218] `annotates` of spacy_tlner.MultiCorpus.v1 names the corpus {name!r}, which it does not read. It "
        "reads: {names}."
    )
    TL219 = (
        "[TL219] `annotates` of spacy_tlner.MultiCorpus.v1 has {found!r} for the corpus {name!r}; expected a list of "
        'the labels that this corpus annotates, for example ["Disease"], or "found" for those of which it has a '
        "mention. Leave a corpus out that annotates all."
    )

    TL221 = (
        "[TL221] {path} is no text that can be read: {reason}. Expected a file, or a folder with at least one file, "
        "whose name ends in one of {suffixes}."
    )
    TL222 = (
        "[TL222] {path}, {where}, cannot be read: {reason}. Expected UTF-8 text, a text a line; in JSONL, one object "
        'with a "text" a line.'
    )
    TL223 = (
        "[TL223] {path} is JSON, and not a file of one token a line. Of Prodigy's tasks, `prodigy data-to-spacy` makes "
        "a .spacy file; Label Studio exports CoNLL2003, which can be converted here; spaCy's own JSON is what "
        "`spacy convert` reads."
    )

    TL250 = "[TL250] spacy_tlner batchers: size and pool must be at least 1, given size {size}, pool {pool}."
    TL251 = (
        "[TL251] spacy_tlner.batch_by_corpus: alpha must be at least 0 and every share above 0, given alpha {alpha}, "
        "shares {shares}."
    )
    TL252 = (
        "[TL252] spacy_tlner.batch_by_corpus: a document says of no corpus that it comes from. Read the corpora "
        "through spacy_tlner.MultiCorpus.v1, which names them. In: {text!r} ..."
    )
    TL253 = (
        "[TL253] spacy_tlner.batch_by_corpus: batches of {size} and the shares {shares} do not fit the corpora: "
        "{corpora}. Expected a share for each of them or for none, and mixed batches that can hold one of each."
    )

    TL260 = (
        "[TL260] Weights by nearness: the bounds least and most must hold 0 <= least <= 1 <= most, given least "
        "{least}, most {most}. A weight of 1 changes nothing, so the bounds lie around it; 0.1 and 10 are the defaults."
    )
    TL261 = (
        "[TL261] Weights by nearness: strength must be a number of at least 0, folds at least 2 and penalty above 0. "
        "Given: strength {strength}, folds {folds}, penalty {penalty}. Strength 0 makes all weights 1, strength 1 "
        "makes them density ratios."
    )
    TL262 = (
        "[TL262] `{name}` of spacy_tlner.WeightedCorpus.v1 is a {found}, not a reader. Give its block a reader, for "
        'example @readers = "spacy.Corpus.v1" and a path.'
    )
    TL263 = (
        "[TL263] Weights by nearness: the {what} has {count} different text(s) that are not blank, too few for {folds} "
        "folds; expected one for each at least. Check that it is the right file, or lower folds."
    )
    TL264 = (
        "[TL264] The output {path} is one of the files that are read, or would lie among them in their folder. Name "
        "another file."
    )

    # --- TL3xx: optimizer ---
    TL301 = (
        "[TL301] GroupedAdam: no layer group is called '{group}', and as a pattern it fits no parameter. The pipeline "
        "has: {known}. A pattern has * or ? and is held against component:group.path, the path as the model names it."
    )
    TL302 = (
        "[TL302] GroupedAdam has `groups`, but was never told to which layer a weight belongs. In Python, call "
        "name_groups()(nlp) after initialize and after add_label. For `spacy train`, add to the config: "
        '[initialize.after_init] @callbacks = "spacy_tlner.name_groups.v1".'
    )
    TL303 = "[TL303] GroupedAdam: the number of '{group}' is {factor}; expected at least 0 (a factor of 0 freezes)."

    TL304 = (
        "[TL304] GroupedAdam: {setting} has {found}. Expected a block for each component, and in it a number for each "
        'layer group or pattern{schedules}: {{"tl_ner": {{"words": 0.1}}}}.'
    )

    # --- TL4xx: report and command line ---
    TL401 = "[TL401] Asset {path} is missing. Restore the file, or take it out of project.yml."
    TL402 = (
        "[TL402] Asset {path} has the MD5 checksum {found}; project.yml expects {expected}. Restore the file, or "
        "correct the checksum if the change is meant."
    )
    TL403 = "[TL403] {path} cannot be read: {reason}."
    TL404 = (
        "[TL404] {path} holds no scores of entities (ents_p, ents_r, ents_f). Expected what `spacy evaluate --output` "
        "writes, without --per-component, on a corpus that has entities."
    )
    TL405 = (
        "[TL405] {path} is not a training log with steps and ents_f. Expected what `spacy.ConsoleLogger.v3` writes to "
        "its output_file; ents_f must stand in [training.score_weights]."
    )
    TL406 = "[TL406] The report cannot be written to {path}: {reason}."
    TL407 = "[TL407] {option} {value!r} cannot be used: {reason}. Expected NAME=PATH, e.g. {option} transfer={example}."
    TL408 = "[TL408] The model {source} cannot be loaded: {reason}"
    TL409 = (
        "[TL409] {path} stands there already and was not written by `spacy tlner report`, so it is not replaced. Name "
        "another folder, or remove it."
    )
    TL410 = (
        "[TL410] {path} was not written by `spacy tlner report`, so it stays as it is: there is no page with links to "
        "all reports of that folder. For one, give the reports a folder of their own, such as report/seed-0."
    )
    TL411 = (
        "[TL411] The scores of {name} are not those of its model on {corpus}: F1 {told} in {path}, {found} on the "
        "corpus. Were they taken of another corpus or model? The page shows both."
    )

    # --- TL5xx measure: calibration and suggestions ---
    TL501 = (
        "[TL501] {corpus} holds no gold mention, so nothing tells whether a mention that the model finds is right. "
        "Expected a development corpus with entities, which the model was not trained on."
    )
    TL502 = (
        "[TL502] The temperature stays as it is, for the development corpus does not tell a better one: {reason}. "
        "Give a corpus with more mentions, among them some that the model gets wrong."
    )
    TL503 = (
        "[TL503] {model}: wanted {wanted} 'tl_ner' component, found: {found}. Name the one that is meant with "
        "--component, or check that this is a pipeline trained with tl_ner. Its components: {pipes}."
    )
    TL504 = (
        "[TL504] {model} is no folder but an installed package, and is left as it is. Name a folder for the calibrated "
        "pipeline with --output."
    )
    TL505 = "[TL505] {path} cannot be written: {reason}. The model is as it was."
    TL506 = (
        "[TL506] {path} stands there already and is no pipeline that `spacy tlner calibrate` wrote there, so it is not "
        "replaced. Name another folder with --output, or remove this one."
    )
    TL507 = "[TL507] {path} holds no figures of a calibration. Expected what `spacy tlner calibrate --json` writes."
    TL508 = (
        "[TL508] Component '{name}' decides by threshold = {threshold}, and other probabilities mean other entities: "
        "score it again, or set the threshold that is named below. Without a threshold, entities stay as they were."
    )
    TL509 = (
        "[TL509] {dev} has no entity of {label!r}, which the model finds there: if that label was not annotated, each "
        "of these counts as wrong, and the temperature means nothing. Calibrate on a corpus that annotates all labels."
    )
    TL520 = (
        "[TL520] {path} holds no text to annotate: {reason}. Expected texts beyond those that are annotated already."
    )
    TL521 = (
        "[TL521] {path} cannot be read: {reason}. Expected texts in UTF-8 (.jsonl, .json, .txt) or a DocBin (.spacy)."
    )
    TL522 = (
        "[TL522] {path}: {count} line(s) cannot be used, so nothing was written. Expected UTF-8, and in .jsonl an "
        'object with the string "text" and perhaps the object "meta" on each line, perhaps under "data".\n{lines}'
    )
    TL523 = (
        '[TL523] {path} must end in .jsonl or .json (objects with "text", a line each or a list), .txt (a text a line) '
        "or .spacy (a DocBin)."
    )
    TL524 = "[TL524] The output {path} must end in {suffixes}, so that {style} imports it."
    TL525 = "[TL525] {option} is {value}; expected {expected}."
    TL526 = "[TL526] {path} cannot be written: {reason}. What stood there is as it was."
    TL527 = "[TL527] --output {path} is one of the files that are read, and would be overwritten. Name another file."

    TL541 = (
        "[TL541] Vectors are trained by the package floret, which is not installed. "
        'Install it: pip install "spacy-tlner[vectors]" (or pip install floret).'
    )
    TL542 = (
        "[TL542] No vectors can be trained on {tokens} token(s): {reason}. Expected text with words that occur "
        "at least --min-count times."
    )
    TL543 = (
        "[TL543] {path} stands there already and holds no vectors that `spacy tlner vectors` wrote, so it is not "
        "replaced. Name another folder, or remove this one."
    )
    TL544 = "[TL544] --minn is {minn} and --maxn {maxn}; expected n-grams of at least minn and at most maxn characters."
    TL545 = "[TL545] {path} cannot be written: {reason}. What stood there is as it was."
    TL551 = (
        "[TL551] Adapting a checkpoint needs the package accelerate, on which transformers' trainer runs. "
        'Install it: pip install "spacy-tlner[adapt]" (or pip install accelerate).'
    )
    TL552 = "[TL552] {path} stands there already and is not empty, so nothing was done. Name another folder."
    TL553 = (
        "[TL553] {path} holds the checkpoints of a run that did not end. Go on with it (--resume), or remove "
        "the folder."
    )
    TL554 = "[TL554] There is nothing to resume: {path} holds no checkpoint. Leave out --resume to begin."
    TL555 = (
        "[TL555] The run in {path} was begun with other settings or texts: {different}. Resume with the same, or "
        "remove the folder to begin anew."
    )
    TL556 = (
        "[TL556] The checkpoint {name!r} cannot be trained as a masked language model: {reason} Expected a folder with "
        "a model such as BERT, RoBERTa or XLM-R, or the name of one on the Hugging Face hub or in its cache."
    )
    TL557 = "[TL557] --length is {length}; the checkpoint {name!r} reads from {least} to {most} word pieces at a time."
    TL558 = (
        "[TL558] The texts make {blocks} block(s) of up to {length} word pieces; expected at least 2, one to train on "
        "and one held out. Give more text, or a smaller --length."
    )
    TL559 = "[TL559] {path} cannot be written: {reason}. The checkpoints stay; --resume goes on from them."
    TL560 = "[TL560] A GPU is asked for with --gpu-id, but torch sees none. Leave it out to train on the CPU."
    TL561 = "[TL561] {path}, for the checkpoints of the run, cannot be written: {reason}."
    TL562 = "[TL562] transformers' trainer refuses these settings: {reason}"

    # --- TL6xx: pretraining ---
    TL601 = (
        "[TL601] The word list {path} cannot be read: {reason}. Expected a word a line, most frequent first. "
        "`python -m spacy tlner pretrain` writes one from the corpus where there is none."
    )
    TL602 = (
        "[TL602] The word list {path}, line {number}: {line!r} is no entry. Expected at least one line, each a word "
        "that stands once and, after a tab, how often it occurred."
    )
    TL603 = (
        "[TL603] PretrainBiLM cannot train this encoder: {reason}. Expected forward beside backward states of one "
        "BiLSTM layer over words: spacy_tlner.BiLSTMEncoder of depth 1, and nothing below it that looks at neighbours."
    )
    TL604 = (
        "[TL604] {path} cannot be resumed from: {reason}. Expected the checkpoint of a run with the same config; "
        "leave out --resume to begin anew in another folder, or give --replace to begin anew in this one."
    )
    TL605 = "[TL605] The dev set of pretraining has no token. Check [corpora.pretrain_dev], or --n-dev."
    TL606 = (
        "[TL606] {path} already holds a pretraining ({found}). Add --resume to go on with it, --replace to begin anew, "
        "or name another folder."
    )
    TL607 = (
        "[TL607] The config cannot be pretrained with: {reason}. Expected a [pretraining] block whose objective is "
        "spacy_tlner.PretrainBiLM.v1, and a [corpora] block for its `corpus`; see configs/ner_bilm_crf.cfg."
    )
    TL608 = (
        "[TL608] There is nothing to pretrain on: the corpus has no document beside the {n_dev} that are held out. "
        "Give more text, or a smaller --n-dev."
    )
    TL609 = (
        "[TL609] The loss of pretraining is no longer a finite number, after {step} updates. Lower the learning rate "
        "or check that grad_clip is set, and begin anew in another folder."
    )
    TL610 = (
        "[TL610] spacy_tlner.PretrainBiLM: cutoffs are {cutoffs}, shrink is {shrink}; expected cutoffs of at least 1, "
        "each above the one before, and a shrink above 0."
    )
    TL611 = (
        "[TL611] spacy_tlner.PretrainBiLM: the list has words by {attr}, the encoder knows them by {known}. Give the "
        "objective and the layer of words the same attr."
    )
    TL612 = "[TL612] {path} cannot be written: {reason}."
    TL613 = (
        "[TL613] The word list {path} has {word!r}, but attr is LOWER, and no word is that in lower case. Give a "
        "list of words in lower case, or remove the file to have words counted anew."
    )
    TL614 = (
        "[TL614] The run in {path} was begun with other settings: {different}. It goes on with those of now, so it "
        "will not end as a run without a stop would have."
    )
    TL615 = (
        "[TL615] The learning rate is 0 after {step:,} updates, in epoch {epoch} of {epochs}: nothing is learned from "
        "here on. Set total_steps of [pretraining.optimizer.learn_rate] to the updates of all epochs, which are "
        "sentences / batch size * max_epochs, and begin anew."
    )

    # --- TL6xx: silver corpora ---
    TL620 = (
        "[TL620] {option} {path} is also read, or written as something else, and would be overwritten. Name another "
        "file."
    )
    TL621 = (
        "[TL621] {path} gives no silver corpus, so nothing was written: of {sentences:,} sentence(s), {removed:,} were "
        "removed by the leak guard, {uncertain:,} were not certain enough, and of the other {others:,} none has an "
        "entity. Give more text, or a smaller --least-probability."
    )
    TL622 = "[TL622] {option} means something only beside {other}. Add {other}, or leave {option} out."
    TL623 = "[TL623] {paths}: no entity is annotated there, so --exclude-strings would exclude nothing. Leave it out."
