"""Three workbooks as a strategist's desk keeps them, for what must survive a recalculation of their stored values.

xlsxwriter makes the base; what it cannot write (pivots, shared formulas, calculation chains, foreign namespaces) is put
into the package by hand. Every stored result is stale. Two calls give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import xlsxwriter

STALE, DAY = 123.456, dt.datetime(2025, 12, 31, 7, 30)
FACTORS = ("inflation", "growth", "easing", "dollar", "oil")
DESKS = ("Rates", "Credit", "Equity")
POSITIONS = ((0, 0, 100), (0, 1, 200), (1, 2, 300), (1, 3, 400), (2, 4, 500), (2, 0, 600))
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
TYPES = "application/vnd.openxmlformats-officedocument"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
RICH = "http://schemas.microsoft.com/office/spreadsheetml/2017/richdata"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
EXCEL = (
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" mc:Ignorable="x14ac xr" '
    'xmlns:x14ac="http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac" '
    'xmlns:xr="http://schemas.microsoft.com/office/spreadsheetml/2014/revision"'
)
# The stale value of a formula by the letter after its address in `_formulas`.
STALE_VALUES = (STALE, "stale", "sta_x000D_le", True, False, 45000, "#NAME?", "NO VALUE")
KINDS = dict(zip(("", *"sxtfdnv"), STALE_VALUES, strict=True))
MARKS = (  # what xlsxwriter cannot write: what it was given instead, and what that becomes
    ("<f>SPILLED</f>", ""),
    (' t="str"><f>INLINE</f><v>(.*?)</v>', r' t="inlineStr"><is><t xml:space="preserve">\1</t></is>'),
    (' t="str"(><f>[^<]*</f>)<v>NO VALUE</v>', r"\1"),
    (' cm="1" t="str"(><f [^>]*>[^<]*</f>)<v>BLOCKED</v>', r' t="e" cm="1" vm="1"\1<v>#VALUE!</v>'),
    (r"<f>([^<]*\n[^<]*)</f>", r'<f xml:space="preserve">\1</f>'),
)


def _png() -> bytes:
    """Eight bands of blue, 96 by 32 pixels."""
    row = b"\0" + b"".join(bytes((20, 20 * (x // 12), 160)) for x in range(96))
    header = struct.pack(">IIBBBBB", 96, 32, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * 32)), (b"IEND", b""))
    crc = {kind: struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks}
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(d)) + k + d + crc[k] for k, d in chunks)


class _Package:
    """The parts of an .xlsx by name, to be edited as text."""

    def __init__(self, fill: Callable[[Any], None]) -> None:
        buffer = io.BytesIO()
        book = xlsxwriter.Workbook(buffer, {"in_memory": True})
        book.set_properties({"title": "Small caps", "author": "Strategie", "company": "Desk", "created": DAY})
        book.set_custom_property("Desk", "Small caps")
        fill(book)
        book.close()
        with zipfile.ZipFile(buffer) as made:
            self.parts = {name: made.read(name).decode("utf-8", "surrogateescape") for name in made.namelist()}

    def swap(self, name: str, old: str, new: str) -> None:
        assert old in self.parts[name], (name, old)
        self.parts[name] = self.parts[name].replace(old, new)

    def add(self, name: str, text: str, kind: str) -> None:
        """A part with its content type, in spreadsheetml unless it has a slash."""
        kind = kind if "/" in kind else f"{TYPES}.spreadsheetml.{kind}+xml"
        self.parts[name] = HEAD + text
        override = f'<Override PartName="/{name}" ContentType="{kind}"/></Types>'
        self.swap("[Content_Types].xml", "</Types>", override)

    def relate(self, source: str, kind: str, target: str) -> str:
        """A relationship added to `source`: its id."""
        name = re.sub("([^/]+)$", r"_rels/\1.rels", source)
        empty = f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"></Relationships>'
        key = f"rId{self.parts.setdefault(name, empty).count('<Relationship ') + 1}"
        kind = kind if "://" in kind else f"{OFFICE}/relationships/{kind}"
        self.swap(name, "</Rel", f'<Relationship Id="{key}" Type="{kind}" Target="{target}"/></Rel')
        return key

    def bytes(self, stored: tuple[str, ...] = (), comment: bytes = b"", growth_hint: bool = False) -> bytes:
        """The package in Excel's order of parts, with Excel's time stamps."""
        first = ("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels")
        order = sorted(self.parts, key=lambda n: (first.index(n) if n in first else 9, "docProps" in n))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as out:
            out.comment = comment
            for name in order:
                member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                member.create_system, member.external_attr = 0, 0
                member.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
                if growth_hint and name in first:  # the padding Office leaves room with
                    member.extra = struct.pack("<HHHH", 0xA220, 4 + 64, 0xA028, 64) + bytes(64)
                data = self.parts[name].encode("utf-8", "surrogateescape")
                out.writestr(member, data, compresslevel=9 if "theme" in name else 6)
        return buffer.getvalue()


def _finish(package: _Package, calculation: str) -> None:
    """Make it look saved by Excel: marked cells, namespaces, a calculation chain, customXml."""
    chain = ""
    for name in [n for n in package.parts if n.startswith("xl/worksheets/sheet")]:
        number, text = re.findall(r"\d+", name)[0], package.parts[name]
        for pattern, new in MARKS:
            text = re.sub(pattern, new, text)
        if "xmlns:mc" not in text:
            uid = f'xr:uid="{{00000000-0001-0000-0{number}00-000000000000}}"'
            text = text.replace("<worksheet", f"<worksheet {EXCEL} {uid}", 1)
            text = text.replace('defaultRowHeight="15"', 'defaultRowHeight="15" x14ac:dyDescent="0.25"', 1)
        package.parts[name] = text
        for address, kind in re.findall(r'<c r="([A-Z]+\d+)"[^>]*><f([^>]*)>', text):
            array = ' a="1"' if "array" in kind else ""
            chain += f'<c r="{address}" i="{number}"{array}/>'
    package.add("xl/calcChain.xml", f'<calcChain xmlns="{MAIN}">{chain}</calcChain>', "calcChain")
    package.relate("xl/workbook.xml", "calcChain", "calcChain.xml")
    package.parts["customXml/item1.xml"] = f'{HEAD}<desk xmlns="urn:desk"><book>small caps</book></desk>'
    item = f'<ds:datastoreItem ds:itemID="{{7B9F4E1A-0000-4000-8000-000000000001}}" xmlns:ds="{OFFICE}/customXml"/>'
    package.add("customXml/itemProps1.xml", item, f"{TYPES}.customXmlProperties+xml")
    package.relate("customXml/item1.xml", "customXmlProps", "itemProps1.xml")
    package.relate("xl/workbook.xml", "customXml", "../customXml/item1.xml")
    saved = '<fileVersion appName="xl" lastEdited="7" lowestEdited="7" rupBuild="28526"/>'
    book = re.sub("<fileVersion .*?/>", saved, package.parts["xl/workbook.xml"])
    package.parts["xl/workbook.xml"] = re.sub("<calcPr .*?/>", f'<calcPr calcId="191029"{calculation}/>', book)
    for name in package.parts:
        package.parts[name] = package.parts[name].replace('"yes"?>\n<', '"yes"?>\r\n<', 1)


def _table(sheet: Any, title: str, row: int, column: int, rows: int, columns: int, fixed: bool = False) -> None:
    """=RUSSELL_BETAS() from a cell, spilling or fixed, with a stale stored range."""
    sheet.write("A1", title)
    write = sheet.write_array_formula if fixed else sheet.write_dynamic_array_formula
    write(row, column, row + rows - 1, column + columns - 1, "=RUSSELL_BETAS()", None, "stale")
    for index in range(1, rows * columns):
        r, c = divmod(index, columns)
        sheet.write_formula(row + r, column + c, "=SPILLED", None, STALE if r and c else "stale")


def _formulas(sheet: Any, text: str, form: Any = None) -> None:
    """Formulas with stale values: cells set apart by " | ", each an address, a letter of KINDS and the formula."""
    for cell in re.split(r" \|\s", text):
        address, kind, formula = re.findall(r"(?s)([A-Z]+\d+)([a-z]?) (=.*)", cell.strip())[0]
        sheet.write_formula(address, formula, form, KINDS[kind])


def _fill_desk(book: Any) -> None:
    bold, number = book.add_format({"bold": True}), book.add_format({"num_format": "0.000"})
    date, shade = book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"bg_color": "#FFC7CE"})
    names = ("Morning", "Inputs", "Betas", "Übersicht", "Lists", "Config")
    morning, inputs, betas, overview, lists, config = (book.add_worksheet(name) for name in names)
    book.define_name("Inflationsbeta", '=RUSSELL_BETA("inflation")')
    book.define_name("Übersicht_Schocks", "=Inputs!$A$6:$B$10")
    book.define_name("宏观", "=Inputs!$B$6:$B$10")
    inputs.write_column("A1", ["Input", "t to call it significant", "Growth shock"])
    inputs.write_column("B1", ["Value", 2, 6])
    inputs.write_comment("B3", "Goldman's path,\nin points", {"author": "Strategie"})
    inputs.write_row("A5", ["Factor", "Shock"], bold)
    inputs.write_column("A6", FACTORS)
    inputs.write_column("B6", [-10, -5, 0, 5, 10])
    morning.write_row("A1", ["Target", "relative"])
    morning.write_rich_string("C1", bold, "Morning", " note, ", shade, "draft ")
    morning.write_url("F1", "https://example.com/research?a=1&b=2", string="Research")
    morning.merge_range("A2:G2", "Small caps at the open", book.add_format({"bold": True, "align": "center"}))
    _formulas(morning, "B3d =RUSSELL_ASOF() | C3s =RUSSELL_SNAPSHOT() | D3s =RUSSELL_REGIME()", date)
    morning.write_row("A4", ["Factor", "Beta", "t", "Signal", "Label", "Effect", "Trend"], bold)
    morning.write_column("A5", FACTORS)
    for r in range(5, 10):
        _formulas(morning, f'B{r} =RUSSELL_BETA(A{r},,"beta") | C{r} =RUSSELL_BETA(A{r},$B$1,"tstat")', number)
        _formulas(morning, f'D{r}s =IF(ABS(C{r})>Inputs!$B$2,"yes","no") | E{r}s =TEXT(B{r},"0.00")&" <per> & "&A{r}')
        _formulas(morning, f"F{r} =INDEX(Inputs!$B$6:$B$10,MATCH(A{r},Inputs!$A$6:$A$10,0))*B{r}", number)
        morning.add_sparkline(f"G{r}", {"range": f"Morning!B{r}:C{r}"})
    _formulas(
        morning,
        """B10 =SUM(B5:B9) | C10 =IFERROR(RUSSELL_BETA("nonsense"),"n/a") | D10 =RUSSELL_BETA("nonsense") | E10 =D10+1 |
        B12 =RUSSELL_BETA("inflation") | B13 =RUSSELL_FIT(,"rsquared") | B14 =RUSSELL_BETA("growth")*Inputs!B3 |
        B15 =B14*2 | B16t =ABS(B15)<ABS(B14) | B17n =RUSSELL_BETA("oil") | B18 =VLOOKUP("oil",A5:C9,3,FALSE) |
        B19 =EOMONTH(B3,0) | B20 =SUM(Inputs!B:B) | B21 =VLOOKUP(A7,Inputs!$A:$B,2,FALSE) | B22 =Inflationsbeta*1 |
        B23 =SUM(宏观) | B24s =IF(ISERROR(D10),"error","fine") | B25v =RUSSELL_BETA("dollar",,"se") |
        B26 =IF(B25>0,\n   RUSSELL_BETA("easing"),\n   "none") | B27s =IFERROR(RUSSELL_BETA("nonsense"),"") |
        B28x =RUSSELL_SNAPSHOT()&CHAR(13)&"  end" """.rstrip(),
    )
    morning.write_column("A29", ["  two spaces before, two after  ", "line\r\nline, _x000D_ said", "東京 desk"])
    morning.write_formula("A32", "=INLINE", None, "  inline & kept ")
    morning.conditional_format("B5:B9", {"type": "3_color_scale"})
    morning.conditional_format("C5:C9", {"type": "icon_set", "icon_style": "3_arrows"})
    morning.conditional_format("A5:F9", {"type": "formula", "criteria": "=ABS($C5)>Inputs!$B$2", "format": shade})
    morning.data_validation("B1", {"validate": "list", "source": "=Lists!$A$1:$A$4"})
    morning.write_comment("B5", "Per 10bp of breakevens")
    morning.freeze_panes(4, 1)
    morning.set_landscape()
    morning.fit_to_pages(1, 0)
    morning.print_area("A1:G32")
    morning.repeat_rows(0, 3)
    morning.set_column("A:G", 16)
    _table(betas, "The whole table spills", 3, 1, 3, 3)
    _formulas(betas, 'A20 =COUNTA(B4:AZ18) | A21s =INDEX($B$4:$AZ$18,MATCH("growth",$B$4:$B$18,0),2) | A22 =B4')
    _formulas(overview, "B3 =Morning!B15/100 | B4 =SUM(Übersicht_Schocks)")
    _table(overview, "Überblick – alles in Prozent", 5, 0, 4, 4, fixed=True)
    lists.write_column("A1", ["relative", "russell", "sp500", "hedged"])
    _formulas(lists, 'B1 =RUSSELL_BETA("growth",A2,"tstat")')
    lists.hide()
    _formulas(config, "A1s =RUSSELL_SNAPSHOT() | A2t =Lists!B1>1000")
    config.very_hidden()


def desk_morning() -> bytes:
    """A morning sheet: shared formulas, a spill to grow, hidden sheets, all kinds of strings."""
    package = _Package(_fill_desk)
    sheet = "xl/worksheets/sheet1.xml"
    package.swap(sheet, '<f>RUSSELL_BETA(A5,,"beta")', '<f t="shared" ref="B5:B9" si="0">RUSSELL_BETA(A5,,"beta")')
    for row in range(6, 10):
        package.swap(sheet, f'<f>RUSSELL_BETA(A{row},,"beta")</f>', '<f t="shared" si="0"/>')
    reading = '<rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="0"/>'
    package.swap("xl/sharedStrings.xml", "<t>東京 desk</t>", f"<t>東京 desk</t>{reading}")
    _finish(package, "")
    return package.bytes()


def _fill_pitch(book: Any) -> None:
    bold, number = book.add_format({"bold": True}), book.add_format({"num_format": "0.000"})
    names = ("Cover", "Charts", "Betas", "Spill", "Anhang", "宏观")
    cover, charts, betas, spill, appendix, macro = (book.add_worksheet(name) for name in names)
    book.define_name("Stichtag", "=Charts!$B$1")
    cover.merge_range("B2:F3", "Russell 2000: what moves it", book.add_format({"bold": True, "font_size": 18}))
    cover.insert_image("B5", "logo.png", {"image_data": io.BytesIO(_png()), "description": "Logo"})
    cover.write_url("B9", "internal:Charts!A1", string="Go to the charts")
    _formulas(cover, 'B10s ="As of "&TEXT(Stichtag,"yyyy-mm-dd")&": "&RUSSELL_REGIME() | B11 =Betas!B8')
    cover.hide_gridlines(2)
    _formulas(charts, 'A1s ="Betas, R2 "&TEXT(RUSSELL_FIT(,"rsquared"),"0.0%") | B1d =RUSSELL_ASOF()')
    charts.write_row("A2", ["Factor", "Beta", "se", "t"], bold)
    charts.write_column("A3", FACTORS)
    for r in range(3, 8):
        _formulas(charts, f'B{r} =RUSSELL_BETA(A{r}) | C{r} =RUSSELL_BETA(A{r},,"se") | D{r} =B{r}/C{r}', number)
    line, bars = book.add_chart({"type": "line"}), book.add_chart({"type": "bar"})
    series = {"name": "=Charts!$B$2", "categories": "=Charts!$A$3:$A$7", "values": "=Charts!$B$3:$B$7"}
    line.add_series({**series, "marker": {"type": "circle"}})
    line.add_series({**series, "name": "=Charts!$D$2", "values": "=Charts!$D$3:$D$7"})
    line.set_title({"name": "=Charts!$A$1"})
    error = {"plus_values": "=Charts!$C$3:$C$7", "plus_data": [STALE] * 5, "minus_data": [STALE] * 5}
    bars.add_series({**series, "y_error_bars": {**error, "type": "custom", "minus_values": "=Charts!$C$3:$C$7"}})
    bars.set_title({"name": "Beta and one standard error"})
    charts.insert_chart("F2", line)
    charts.insert_chart("F18", bars)

    by_factor, by_row = "=RUSSELL_BETA(Faktoren[[#This Row],[factor]])", "=ABS(Faktoren[[#This Row],[beta]])"
    columns = [
        {"header": "factor", "total_string": "Mean"},
        {"header": "beta", "formula": by_factor, "total_function": "average"},
        {"header": "size", "formula": by_row},
    ]
    betas.add_table("A2:C8", {"name": "Faktoren", "columns": columns, "total_row": True})
    betas.write_column("A3", FACTORS)
    for r in range(3, 8):
        _formulas(betas, f"B{r} {by_factor} | C{r} {by_row}", number)
    _formulas(betas, 'B8 =SUBTOTAL(101,Faktoren[beta]) | E3 =SUMIF(Faktoren[factor],"oil",Faktoren[beta])')
    betas.conditional_format("B3:B7", {"type": "data_bar", "data_bar_2010": True})

    spill.write("A1", "The table has no room: Excel stored #SPILL! as it does")
    spill.write_dynamic_array_formula("B3:B3", "=RUSSELL_BETAS()", None, "BLOCKED")
    spill.write("E6", "a colleague's note")
    _formulas(spill, 'A3 =IFERROR(B3,"blocked")')
    _table(appendix, "A fixed array larger than its result: #N/A beyond it", 2, 0, 13, 28, fixed=True)
    macro.write_row("A1", ["因子", "通胀"], bold)
    _formulas(macro, """B2 =RUSSELL_BETA("inflation",,"tstat") | B3f =OR('宏观'!B2>0,'宏观'!B2<=0)""")
    macro.write_comment("B2", "受保护", {"author": "Strategie"})
    macro.protect()


def pitch_book() -> bytes:
    """Charts, a table with a calculated column, an image, an Excel-made #SPILL!, a protected sheet."""
    package = _Package(_fill_pitch)
    kind = re.findall("<metadataType .*?/>", package.parts["xl/metadata.xml"])[0]
    rich = kind.replace("XLDAPR", "XLRICHVALUE").replace(' cellMeta="1"', "")
    value = '<bk><extLst><ext uri="{3e2802c4-a4d2-4d8b-9148-e3be6c30e623}"><xlrd:rvb i="0"/></ext></extLst></bk>'
    future = f'<futureMetadata name="XLRICHVALUE" count="1">{value}</futureMetadata>'
    for old, new in (
        ("<metadata ", f'<metadata xmlns:xlrd="{RICH}" '),
        (f'<metadataTypes count="1">{kind}', f'<metadataTypes count="2">{kind}{rich}'),
        ("<cellMetadata", f"{future}<cellMetadata"),
        ("</metadata>", '<valueMetadata count="1"><bk><rc t="2" v="0"/></bk></valueMetadata></metadata>'),
    ):
        package.swap("xl/metadata.xml", old, new)
    keys = "".join(f'<k n="{name}" t="i"/>' for name in ("colOffset", "errorType", "rwOffset", "subType"))
    values = f'<rvData xmlns="{RICH}" count="1"><rv s="0"><v>3</v><v>8</v><v>3</v><v>0</v></rv></rvData>'
    structure = f'<rvStructures xmlns="{RICH}" count="1"><s t="_error">{keys}</s></rvStructures>'
    for part, text in (("rdRichValue", values), ("rdRichValueStructure", structure)):
        package.add(f"xl/richData/{part.lower()}.xml", text, f"application/vnd.ms-excel.{part.lower()}+xml")
        kind = f"http://schemas.microsoft.com/office/2017/06/relationships/{part}"
        package.relate("xl/workbook.xml", kind, f"richData/{part.lower()}.xml")
    _finish(package, ' iterateCount="50"')
    return package.bytes()


def _fill_risk(book: Any) -> None:
    names = ("Positions", "Pivot", "Big", "Blocked", "Export", "Checks")
    positions, pivot, big, blocked, export, checks = (book.add_worksheet(name) for name in names)
    positions.write_row("A1", ["Desk", "Factor", "Notional", "Beta", "Risk"])
    for r, (desk, factor, notional) in enumerate(POSITIONS, 2):
        positions.write_row(r - 1, 0, [DESKS[desk], FACTORS[factor], notional])
        _formulas(positions, f"D{r} =RUSSELL_BETA(B{r}) | E{r} =C{r}*D{r}")
    positions.autofilter("A1:E7")
    pivot.write_row("A3", ["Row Labels", "Average of Beta"])
    pivot.write_column("A4", [*sorted(DESKS), "Grand Total"])
    pivot.write_column("B4", [STALE] * 4)
    _table(big, "Stored larger than its result: what it leaves must go blank", 2, 1, 20, 30)
    big.write("AG4", "right of it")
    _formulas(big, 'B26 =COUNTA(B3:AE22) | B27s =IF(AE22="","blank","left over")')
    _table(blocked, "Stored 3 by 3; a constant stands in the way of the rest", 2, 1, 3, 3)
    blocked.write("F6", "in the way")
    _formulas(blocked, "A3f =ISERROR(B3) | A4s =F6")
    export.write_row("A1", ["Factor", "t"])
    export.write_column("A2", FACTORS)
    for r in range(2, 7):
        _formulas(export, f'B{r} =RUSSELL_BETA(A{r},,"tstat")')
    _formulas(export, 'B8s =IF(MAX(B2:B6)>-99,"a <b> & c","none") | D9t =COUNT(B:B)<5')
    export.write_formula("A11", "=INLINE", None, " written by another program ")
    _formulas(checks, 'B1 =SUM(Positions!E:E) | B2 =SUMIF(Positions!A:A,"Rates",Positions!E:E) | B5 =1/0')
    _formulas(checks, 'B3 =GETPIVOTDATA("Average of Beta",Pivot!$A$3,"Desk","Rates") | B4 =Export!B2+Positions!D2')
    checks.insert_image("D2", "logo.png", {"image_data": io.BytesIO(_png())})


def risk_pivot() -> bytes:
    """A pivot and its cache, spills stored too large and blocked, a sheet with a prefix, an odd zip."""
    package = _Package(_fill_risk)
    number = 'containsSemiMixedTypes="0" containsString="0" containsNumber="1"'
    items = [f'count="{len(s)}">' + "".join(f'<s v="{v}"/>' for v in s) for s in (DESKS, FACTORS)]
    items += [f'{number} minValue="100" maxValue="600">', f'{number} minValue="{STALE}" maxValue="{STALE}">']
    fields = ""
    for name, item in zip(("Desk", "Factor", "Notional", "Beta"), items, strict=True):
        fields += f'<cacheField name="{name}" numFmtId="0"><sharedItems {item}</sharedItems></cacheField>'
    rows = "".join(f'<r><x v="{d}"/><x v="{f}"/><n v="{n}"/><n v="{STALE}"/></r>' for d, f, n in POSITIONS)
    root = f'xmlns="{MAIN}" xmlns:r="{OFFICE}/relationships"'
    records = f'<pivotCacheRecords {root} count="6">{rows}</pivotCacheRecords>'
    definition = (
        f'<pivotCacheDefinition {root} r:id="rId1" refreshedBy="Desk" refreshedDate="46022" createdVersion="8" '
        'refreshedVersion="8" recordCount="6"><cacheSource type="worksheet"><worksheetSource ref="A1:D7" '
        f'sheet="Positions"/></cacheSource><cacheFields count="4">{fields}</cacheFields></pivotCacheDefinition>'
    )
    view = (
        f'<pivotTableDefinition xmlns="{MAIN}" name="PivotTable1" cacheId="1" dataCaption="Values" updatedVersion="8" '
        'createdVersion="8" indent="0" outline="1" outlineData="1"><location ref="A3:B7" firstHeaderRow="1" '
        'firstDataRow="1" firstDataCol="1"/><pivotFields count="4"><pivotField axis="axisRow" showAll="0">'
        '<items count="4"><item x="1"/><item x="2"/><item x="0"/><item t="default"/></items></pivotField><pivotField/>'
        '<pivotField/><pivotField dataField="1"/></pivotFields><rowFields count="1"><field x="0"/></rowFields>'
        '<rowItems count="4"><i><x/></i><i><x v="1"/></i><i><x v="2"/></i><i t="grand"><x/></i></rowItems>'
        '<colItems count="1"><i/></colItems><dataFields count="1"><dataField name="Average of Beta" fld="3" '
        'subtotal="average" baseField="0" baseItem="0"/></dataFields><pivotTableStyleInfo name="PivotStyleLight16" '
        'showRowHeaders="1" showColHeaders="1"/></pivotTableDefinition>'
    )
    cache, table = "xl/pivotCache/pivotCacheDefinition1.xml", "xl/pivotTables/pivotTable1.xml"
    package.add("xl/pivotCache/pivotCacheRecords1.xml", records, "pivotCacheRecords")
    package.add(cache, definition, "pivotCacheDefinition")
    package.add(table, view, "pivotTable")
    package.relate(cache, "pivotCacheRecords", "pivotCacheRecords1.xml")
    package.relate(table, "pivotCacheDefinition", "../pivotCache/pivotCacheDefinition1.xml")
    package.relate("xl/worksheets/sheet2.xml", "pivotTable", "../pivotTables/pivotTable1.xml")
    key = package.relate("xl/workbook.xml", "pivotCacheDefinition", "pivotCache/pivotCacheDefinition1.xml")
    _finish(package, ' calcMode="manual" fullCalcOnLoad="1"')
    caches = f'<pivotCaches><pivotCache cacheId="1" r:id="{key}"/></pivotCaches></workbook>'
    package.swap("xl/workbook.xml", "</workbook>", caches)
    other = re.sub(r"<(/?)(?=[A-Za-z]+[ />])", r"<\1x:", package.parts["xl/worksheets/sheet5.xml"])
    package.parts["xl/worksheets/sheet5.xml"] = other.replace(" xmlns=", " xmlns:x=", 1)
    return package.bytes(("xl/media/image1.png", "xl/worksheets/sheet3.xml"), b"kept by the desk", growth_hint=True)


LIFELIKE: dict[str, Callable[[], bytes]] = {f.__name__: f for f in (desk_morning, pitch_book, risk_pivot)}


def _kept(data: bytes) -> tuple[str, ...]:
    may = r"xl/(charts/chart\d|sharedStrings|calcChain|metadata|richData/)"
    with zipfile.ZipFile(io.BytesIO(data)) as p:
        return tuple(n for n in p.namelist() if not re.match(may, n) and not re.search(rb"<(x:)?f[ >]", p.read(n)))


EXPECTED_PARTS = {name: _kept(build()) for name, build in LIFELIKE.items()}
"""Members that a refresh leaves byte-identical: all but sheets with formulas, charts, strings, chain and metadata."""
_RESULTS = {
    "desk_morning": """Morning number B5 B6 B9 B10 B12 B14 B15 B17 B18 B19 B20 B22 B23 B25 B26 C5 F5 | Lists number B1 |
    Morning text C3 D3 D5 E5 C10 B24 B28 | Morning blank B27 | Morning boolean B16 | Morning error D10 E10 |
    Betas number A20 A21 | Betas text A22 B4 | Übersicht number B3 B4 | Übersicht text A6 | Config text A1""",
    "pitch_book": """Cover text B10 | Cover number B11 | Charts text A1 | Charts number B1 B3 B7 C3 C7 D3 D7 |
    Betas number B3 B7 C3 C7 B8 E3 | Spill error B3 | Spill text A3 | Anhang text A3 | Anhang error AB15 |
    宏观 number B2 | 宏观 boolean B3""",
    "risk_pivot": """Positions number D2 D7 E2 E7 | Big text B3 B27 | Big number B26 | Big blank AE22 |
    Blocked error B3 | Blocked boolean A3 | Blocked text A4 | Export number B2 B6 | Export text B8 | Export boolean D9 |
    Checks number B1 B2 B4 | Checks error B5""",
}
RESULTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    name: tuple((s, cell, kind) for s, kind, *cells in map(str.split, text.split("|")) for cell in cells)
    for name, text in _RESULTS.items()
}
"""Sheet, cell and kind of what a refresh must leave there, of cells whose stored value is stale."""
